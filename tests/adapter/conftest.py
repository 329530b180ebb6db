from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pgqueuer.ports.repository import EntrypointExecutionParameter

from simqueue import InMemoryDriver, InMemoryQueries
from simqueue.adapter import Database

START = datetime(2024, 1, 1, tzinfo=UTC)
MANAGER = UUID("11111111-1111-1111-1111-111111111111")


class Clock:
    """A wall clock that stands still until it is told to go on."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return (self.now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def advance(self, **delta):
        self.now += timedelta(**delta)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(clock):
    return Database(clock)


@pytest.fixture
def driver(database):
    return InMemoryDriver(database)


@pytest.fixture
def queries(driver):
    return InMemoryQueries(driver)


@pytest.fixture
def claim(queries, clock):
    """Dequeue as a worker does, a moment later than everything before."""

    async def dequeue(*names, batch_size=10, limit=0, manager=MANAGER, **options):
        clock.advance(microseconds=1)
        entrypoints = {name: EntrypointExecutionParameter(limit) for name in names or ("charge",)}
        return await queries.dequeue(
            batch_size,
            entrypoints,
            manager,
            options.get("worker_limit"),
            options.get("heartbeat_timeout", timedelta(seconds=30)),
        )

    return dequeue
