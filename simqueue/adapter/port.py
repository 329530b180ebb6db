"""The base class of all ports, with the driver that it sends statements over."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pgqueuer.adapters.persistence import qb

from simqueue.adapter.driver import InMemoryDriver
from simqueue.adapter.naming import NAMING, Client
from simqueue.adapter.statements import dated
from simqueue.adapter.translation import Calendar
from simqueue.store import Statement

if TYPE_CHECKING:
    from pgqueuer.ports.tracing import TracingProtocol

T = TypeVar("T")


@dataclass
class Port:
    """Sends statements. The query builders are there because of their settings."""

    driver: InMemoryDriver
    qbe: qb.QueryBuilderEnvironment = field(default_factory=qb.QueryBuilderEnvironment)
    qbq: qb.QueryQueueBuilder = field(default_factory=qb.QueryQueueBuilder)
    qbs: qb.QuerySchedulerBuilder = field(default_factory=qb.QuerySchedulerBuilder)
    tracer: TracingProtocol | None = None

    @cached_property
    def client(self) -> Client:
        """The names of the tables in the query builders."""
        return Client.of(self.qbq, self.qbs)

    @cached_property
    def _introduced(self) -> set[str]:
        """The names of the statements that this client has sent before."""
        return set()

    def _introduce(self, statement: str) -> None:
        """Use this client's table names in the database; raise if another client has others."""
        connection = self.driver.connection
        naming = getattr(connection, "naming", None) or NAMING.get()
        follows = getattr(connection, "follows", False) and self.client.usual
        if naming is not None and not follows:
            naming.claim(statement, self.client.within(getattr(connection, "schema", None)))
        self._introduced.add(statement)

    async def _run(self, statement: Statement[T]) -> T:
        if statement.name not in self._introduced:
            self._introduce(statement.name)
        return await self.driver.connection.run(statement)

    async def _run_dated(self, statement: Statement[T]) -> tuple[T, Calendar]:
        """Return the answer, and a calendar that turns its instants into datetimes."""
        epoch_us, answer = await self._run(dated(statement))
        return answer, Calendar(epoch_us)
