"""Naming: a database has one set of PgQueuer's tables, with the names of its first client."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from simqueue.adapter.installed import names_in_force, names_of
from simqueue.model.ids import Table
from simqueue.store import Names, Tables, tables_used

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence import qb

_FIELDS: dict[Table, str] = {
    "queue": "queue_table",
    "log": "queue_table_log",
    "statistics": "statistics_table",
    "schedules": "schedules_table",
}
_OF_THE_QUEUE: tuple[Table, ...] = ("queue", "log", "statistics")

Conflict = Callable[[str, "Client", str, "Client"], Exception]
"""Makes an error from a name and its client, and the name in force and its first client."""


@dataclass(eq=False, slots=True)
class Client:
    """The names that a client uses for the tables, and ``place``, where it was made, if known."""

    names: Names
    place: str | None = None

    @classmethod
    def of(cls, queue: qb.QueryQueueBuilder, schedules: qb.QuerySchedulerBuilder) -> Client:
        """Return the names that query builders put into statements."""
        names = names_of(queue.settings, 0)
        if schedules.settings is queue.settings:
            return cls(names)
        other = names_of(schedules.settings, 0)
        unlogged = tuple(
            table
            for table in _FIELDS
            if table in (other if table == "schedules" else names).unlogged
        )
        return cls(replace(names, schedules_table=other.schedules_table, unlogged=unlogged))

    @property
    def usual(self) -> bool:
        """Whether these are also the names of the environment's settings."""
        return self.names == names_in_force(0)

    def within(self, schema: str | None) -> Client:
        """Return the client of a session in which unqualified tables are in ``schema``."""
        if schema is None or self.names.schema != "public":
            return self
        return Client(replace(self.names, schema=schema), self.place)


class Naming:
    """The names in force on ``tables``, and the first client of each table.

    Two queues in one database are not simulated: a client that uses another name for a table than
    its first client gets the error that ``conflict`` makes.
    """

    def __init__(self, tables: Tables, conflict: Conflict) -> None:
        self._tables, self._conflict = tables, conflict
        self.clients: dict[Table, Client] = {}

    def claim(self, statement: str, client: Client) -> None:
        """Use a client's names for the tables of a statement.

        Raises:
            Exception: another client uses another name for one of them.
        """
        for table in sorted(tables_used(statement)):
            first = self.clients.setdefault(table, client)
            if first is client:
                self._adopt(table, client.names)
            elif _key(table, first.names) != _key(table, client.names):
                ours, theirs = _name_in(table, client.names), _name_in(table, first.names)
                raise self._conflict(ours, client, theirs, first)

    def _adopt(self, table: Table, names: Names) -> None:
        now = self._tables.names
        unlogged = tuple(
            each for each in _FIELDS if each in (names if each == table else now).unlogged
        )
        changed: dict[str, Any] = {_FIELDS[table]: getattr(names, _FIELDS[table])}
        if table in _OF_THE_QUEUE:
            changed |= {"channel": names.channel}
        self._tables.names = replace(now, unlogged=unlogged, schema=names.schema, **changed)


def _key(table: Table, names: Names) -> tuple[object, ...]:
    """Return a key that is equal for two clients if they mean the same table."""
    channel = names.channel if table in _OF_THE_QUEUE else None
    return names.schema, getattr(names, _FIELDS[table]), table in names.unlogged, channel


def _name_in(table: Table, names: Names) -> str:
    durability = " (UNLOGGED)" if table in names.unlogged else ""
    channel = f" with channel {names.channel}" if table in _OF_THE_QUEUE else ""
    return f"{names.schema}.{getattr(names, _FIELDS[table])}{durability}{channel}"


NAMING: ContextVar[Naming | None] = ContextVar("simqueue_naming", default=None)
"""The naming of the simulation's database, inside a simulation."""
