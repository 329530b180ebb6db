"""All repository ports in one class, as PgQueuer's managers take them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

from pgqueuer.adapters.persistence.queries import Queries

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

    Each method behaves as PgQueuer's own ``Queries`` does on PostgreSQL, and raises the same
    errors.

    Example:
        >>> queries = simqueue.InMemoryQueries(simqueue.InMemoryDriver())
        >>> asyncio.run(queries.enqueue(["send_mail"] * 2, [b"a", b"b"], [0, 0]))
        [1, 2]
    """


class _Absent:
    """A method that the installed PgQueuer does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"the queries of PgQueuer {version('pgqueuer')} have no {self._name}")


def _remove_absent() -> None:
    for name in dir(InMemoryQueries):
        there = name.startswith("_") or hasattr(Queries, name)
        if not there and callable(getattr(InMemoryQueries, name)):
            setattr(InMemoryQueries, name, _Absent(name))


_remove_absent()


if TYPE_CHECKING:

    def _ports(driver: InMemoryDriver) -> tuple[RepositoryPort, InsightsRepositoryPort]:
        return InMemoryQueries(driver), InMemoryQueries(driver)
