"""All repository ports in one class, as PgQueuer's managers take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simqueue.adapter.insights import InsightsQueries
from simqueue.adapter.queue import QueueQueries
from simqueue.adapter.schedule import ScheduleQueries
from simqueue.adapter.schema import SchemaQueries

if TYPE_CHECKING:
    from pgqueuer.ports import RepositoryPort
    from pgqueuer.ports.repository import InsightsRepositoryPort

    from simqueue.adapter.driver import InMemoryDriver


@dataclass
class InMemoryQueries(QueueQueries, InsightsQueries, ScheduleQueries, SchemaQueries):
    """PgQueuer's queries on the database behind ``driver``.

    Each method does what PgQueuer's own ``Queries`` does on PostgreSQL, and raises what it raises.
    """


if TYPE_CHECKING:

    def _ports(driver: InMemoryDriver) -> tuple[RepositoryPort, InsightsRepositoryPort]:
        return InMemoryQueries(driver), InMemoryQueries(driver)
