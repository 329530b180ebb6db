"""What every port's class has: the driver that it sends statements over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pgqueuer.adapters.persistence import qb

from simqueue.adapter.driver import InMemoryDriver
from simqueue.adapter.statements import dated
from simqueue.adapter.translation import Calendar
from simqueue.store import Statement

if TYPE_CHECKING:
    from pgqueuer.ports.tracing import TracingProtocol

T = TypeVar("T")


@dataclass
class Port:
    """Sends statements. The query builders are there for the settings that they hold."""

    driver: InMemoryDriver
    qbe: qb.QueryBuilderEnvironment = field(default_factory=qb.QueryBuilderEnvironment)
    qbq: qb.QueryQueueBuilder = field(default_factory=qb.QueryQueueBuilder)
    qbs: qb.QuerySchedulerBuilder = field(default_factory=qb.QuerySchedulerBuilder)
    tracer: TracingProtocol | None = None

    async def _run(self, statement: Statement[T]) -> T:
        return await self.driver.connection.run(statement)

    async def _run_dated(self, statement: Statement[T]) -> tuple[T, Calendar]:
        """Return the answer, and what makes datetimes of its instants."""
        epoch_us, answer = await self.driver.connection.run(dated(statement))
        return answer, Calendar(epoch_us)
