"""Whole applications on ``simqueue.in_memory()``, in real time."""

import asyncio
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from pgqueuer import PgQueuer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.types import QueueExecutionMode

import simqueue
from simqueue import InMemoryDriver, InMemoryQueries
from simqueue.adapter import Database, LocalConnection
from simqueue.adapter.connection import AMBIENT

QUICK_START = """
import asyncio
from simqueue import in_memory
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueExecutionMode

async def main():
    # Create an in-memory queue
    pq = in_memory()

    # Define a simple job handler
    @pq.entrypoint("say_hello")
    async def say_hello(job: Job) -> None:
        print(f"Processing job {job.id}: {job.payload}")

    # Enqueue some jobs
    job_ids = await pq.qm.queries.enqueue(
        ["say_hello"] * 5,
        [b"job 1", b"job 2", b"job 3", b"job 4", b"job 5"],
        [0] * 5,
    )
    print(f"Enqueued {len(job_ids)} jobs")

    # Process all jobs immediately (drain mode)
    await pq.qm.run(
        batch_size=10,
        mode=QueueExecutionMode.drain,
        max_concurrent_tasks=100,
    )

    print("All jobs processed!")

asyncio.run(main())
"""


def test_the_documented_quick_start_runs():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUICK_START],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Enqueued 5 jobs"
    assert sorted(lines[1:-1]) == [f"Processing job {n}: b'job {n}'" for n in range(1, 6)]
    assert lines[-1] == "All jobs processed!"


def drain(pq, **options):
    return pq.qm.run(
        mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=0.05), **options
    )


def test_a_drain_runs_every_job_once():
    ran = []

    async def use():
        pq = simqueue.in_memory()

        @pq.entrypoint("charge")
        async def charge(job):
            ran.append(job.payload)

        payloads = [b"%d" % number for number in range(300)]
        await pq.qm.queries.enqueue(["charge"] * 300, payloads, [0] * 300)
        await drain(pq, batch_size=7)
        assert await pq.qm.queries.queue_size() == []
        log = await pq.qm.queries.queue_log()
        assert [row.status for row in log].count("successful") == 300

    asyncio.run(use())
    assert sorted(ran, key=int) == [b"%d" % number for number in range(300)]


def test_a_retry_runs_the_job_again_with_one_attempt_more():
    attempts = []

    async def use():
        pq = simqueue.in_memory()

        @pq.entrypoint("charge")
        async def charge(job):
            attempts.append(job.attempts)
            if job.attempts < 2:
                raise RetryRequested(delay=timedelta(0))

        await pq.qm.queries.enqueue("charge", None)
        await drain(pq)

    asyncio.run(use())
    assert attempts == [0, 1, 2]


def test_a_failed_job_is_held_and_succeeds_once_requeued():
    async def use():
        pq = simqueue.in_memory()
        queries = pq.qm.queries
        mended = False

        @pq.entrypoint("charge", on_failure="hold")
        async def charge(job):
            assert mended, "no money"

        await queries.enqueue("charge", b"x")
        await drain(pq)
        (held,) = await queries.list_failed_jobs()
        assert (held.status, held.payload) == ("failed", b"x")
        mended = True
        await queries.requeue_jobs([held.id])
        again = PgQueuer(connection=pq.connection, queries=queries)
        again.entrypoint("charge")(charge)
        await drain(again)
        assert await queries.list_failed_jobs() == []
        assert await queries.job_status([held.id]) == [(held.id, "successful")]

    asyncio.run(use())


@pytest.mark.parametrize("outcome", ["successful", "exception"])
def test_a_watcher_learns_how_a_job_ended(outcome):
    async def use():
        pq = simqueue.in_memory()

        @pq.entrypoint("charge")
        async def charge(job):
            assert outcome == "successful"

        (job,) = await pq.qm.queries.enqueue("charge", None)
        watcher = CompletionWatcher(
            pq.connection,
            refresh_interval=timedelta(seconds=0.05),
            debounce=timedelta(seconds=0.01),
            queries=pq.qm.queries,
        )
        async with watcher:
            ended = watcher.wait_for(job)
            await drain(pq)
            assert await asyncio.wait_for(ended, 5) == outcome

    asyncio.run(use())


def test_a_cancelled_job_is_told_while_it_runs():
    seen = []

    async def use():
        pq = simqueue.in_memory()
        started = asyncio.Event()

        @pq.entrypoint("charge")
        async def charge(job):
            scope = pq.qm.get_context(job.id).cancellation
            with scope:
                started.set()
                await asyncio.sleep(60)
            seen.append(scope.cancel_called)

        ids = await pq.qm.queries.enqueue("charge", None)
        running = asyncio.create_task(pq.qm.run(dequeue_timeout=timedelta(seconds=0.05)))
        await asyncio.wait_for(started.wait(), 5)
        await pq.qm.queries.mark_job_as_cancelled(ids)
        while not seen:
            await asyncio.sleep(0.005)
        pq.shutdown.set()
        await asyncio.wait_for(running, 5)
        assert await pq.qm.queries.job_status(ids) == [(ids[0], "canceled")]

    asyncio.run(asyncio.wait_for(use(), 20))
    assert seen == [True]


def test_a_due_schedule_runs():
    ran = []

    async def use():
        pq = simqueue.in_memory()
        tick = asyncio.Event()

        @pq.schedule("sweep", "* * * * * */1")
        async def sweep(schedule):
            ran.append(schedule.entrypoint)
            tick.set()

        running = asyncio.create_task(pq.sm.run())
        await asyncio.wait_for(tick.wait(), 15)
        pq.shutdown.set()
        await asyncio.wait_for(running, 15)
        (seen,) = await pq.sm.queries.peek_schedule()
        assert (seen.status, seen.entrypoint) == ("queued", "sweep")
        assert seen.last_run is not None

    asyncio.run(use())
    assert ran[0] == "sweep"


def test_two_workers_of_one_database_share_its_jobs():
    database, ran = Database(), []

    async def use():
        await InMemoryQueries(InMemoryDriver(database)).enqueue(
            ["charge"] * 40, [b"%d" % n for n in range(40)], [0] * 40
        )
        workers = []
        for name in "ab":
            driver = InMemoryDriver(database)
            pq = PgQueuer(connection=driver, queries=InMemoryQueries(driver))

            @pq.entrypoint("charge")
            async def charge(job, name=name):
                ran.append((name, job.payload))

            workers.append(drain(pq, batch_size=1))
        await asyncio.gather(*workers)

    asyncio.run(use())
    assert sorted(int(payload) for _, payload in ran) == list(range(40))
    assert {name for name, _ in ran} == {"a", "b"}


def test_resources_reach_the_handlers_and_the_channel_is_as_asked():
    resources = {"till": []}

    async def use():
        pq = simqueue.in_memory(channel="till_events", resources=resources)
        assert pq.qm.channel == "till_events"

        @pq.entrypoint("charge")
        async def charge(job):
            pq.qm.get_context(job.id).resources["till"].append(job.payload)

        await pq.qm.queries.enqueue("charge", b"x")
        await drain(pq)

    asyncio.run(use())
    assert resources == {"till": [b"x"]}


def test_each_application_has_a_database_of_its_own():
    async def use():
        first, second = simqueue.in_memory(), simqueue.in_memory()
        await first.qm.queries.enqueue("charge", None)
        assert await second.qm.queries.queued_work(["charge"]) == 0

    asyncio.run(use())


def test_inside_a_simulation_the_application_is_a_client_of_its_database(database):
    async def use():
        await simqueue.in_memory().qm.queries.enqueue("charge", None)

    token = AMBIENT.set(lambda: LocalConnection(database))
    try:
        asyncio.run(use())
    finally:
        AMBIENT.reset(token)
    assert len(database.tables.jobs.rows) == 1


def test_state_can_be_inspected_after_the_loop_is_gone():
    pq = simqueue.in_memory()
    asyncio.run(pq.qm.queries.enqueue("charge", b"x"))
    (row,) = pq.connection.connection.database.tables.jobs.rows.values()
    assert (row.entrypoint, row.payload) == ("charge", b"x")
    assert re.fullmatch(r"\d{16}", str(row.created))
