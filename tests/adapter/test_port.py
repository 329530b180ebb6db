import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pgqueuer.domain.models import CronExpressionEntrypoint
from pgqueuer.ports.repository import EntrypointExecutionParameter

from simqueue import InMemoryDriver, InMemoryQueries
from simqueue.store import Names, Tables, execute

START = datetime(2024, 1, 1, tzinfo=UTC)
MANAGER = UUID("11111111-1111-1111-1111-111111111111")
MINUTE = timedelta(minutes=1)


class YoungServer:
    """A session of a server whose clock began at ``START``, as a simulated one's does."""

    def __init__(self):
        epoch_us = (START - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        self.tables, self.now, self.names = Tables(Names(epoch_us=epoch_us)), 0, []
        self.on_notify = print

    async def run(self, statement):
        self.names.append(statement.name)
        self.now += 1_000_000
        _, answer = execute(self.tables, self.now, statement)
        return answer


def after(seconds):
    return START + timedelta(seconds=seconds)


def test_times_are_counted_from_when_the_servers_clock_began():
    queries = InMemoryQueries(InMemoryDriver(connection=YoungServer()))

    async def use():
        await queries.enqueue("charge", None)
        limits = {"charge": EntrypointExecutionParameter(0)}
        (job,) = await queries.dequeue(1, limits, MANAGER, None, timedelta(seconds=30))
        assert (job.created, job.heartbeat) == (after(1), after(2))
        assert [row.created for row in await queries.queue_log()] == [after(1), after(2)]
        (worker,) = await queries.active_workers()
        assert worker.oldest_heartbeat == after(2)
        (stale,) = await queries.stale_jobs(timedelta(seconds=1))
        assert (stale.heartbeat, stale.seconds_since_heartbeat) == (after(2), 3.0)
        sweep = CronExpressionEntrypoint("sweep", "* * * * *")
        await queries.insert_schedule({sweep: MINUTE})
        (schedule,) = await queries.peek_schedule()
        assert (schedule.created, schedule.next_run) == (after(6), after(66))
        assert {row.created for row in await queries.log_statistics(None)} == {after(1), after(2)}

    asyncio.run(use())


def test_statements_are_called_as_the_ports_methods_and_aggregating_is_one_of_its_own():
    server = YoungServer()
    queries = InMemoryQueries(InMemoryDriver(connection=server))

    async def use():
        await queries.enqueue("charge", None)
        await queries.log_statistics(None)
        await queries.throughput_summary()
        await queries.throughput_timeseries(MINUTE)
        await queries.mark_job_as_cancelled([1])

    asyncio.run(use())
    assert server.names == [
        "enqueue",
        "aggregate_logs",
        "log_statistics",
        "aggregate_logs",
        "throughput_summary",
        "aggregate_logs",
        "throughput_timeseries",
        "mark_job_as_cancelled",
        "notify",
    ]
