"""PgQueuer's ports over the store: a driver and queries that need no PostgreSQL.

``database``    the state behind drivers, in real time; ``connection``: one session of it
``driver``      PgQueuer's driver port
``queries``     all repository ports in one class, which the modules below hold one by one:
                ``queue``, ``insights``, ``schedule``, ``notification``, ``schema``
``translation`` rows to PgQueuer's models, and times to instants; ``arguments``: the reverse
``in_memory``   a whole PgQueuer on a database of its own
"""

from simqueue.adapter.connection import Connection, LocalConnection
from simqueue.adapter.database import Database
from simqueue.adapter.driver import InMemoryDriver
from simqueue.adapter.in_memory import in_memory
from simqueue.adapter.queries import InMemoryQueries

__all__ = [
    "Connection",
    "Database",
    "InMemoryDriver",
    "InMemoryQueries",
    "LocalConnection",
    "in_memory",
]
