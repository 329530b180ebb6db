"""Waiting for the queue to settle, and what is said of jobs that are left."""

import asyncio
from datetime import timedelta

import pytest

from simqueue.sim.run import run

SOON = timedelta(seconds=20)


def holding(pq):
    @pq.entrypoint("bad", on_failure="hold")
    async def bad(job):
        raise ValueError("no such document")


def ready(pq):
    @pq.entrypoint("x")
    async def x(job):
        pass


def message_of(scenario):
    failure = run(scenario).failure
    assert failure.kind == "timeout"
    return failure.message


def test_held_jobs_are_waited_for_if_they_may_not_stay():
    async def scenario(sim):
        sim.worker("a", holding)
        await sim.queries.enqueue("bad", None)
        await sim.settled(SOON, held=False)

    assert message_of(scenario).endswith(
        "not settled after 20 s: job 1 (bad) is held (failed): ValueError: no such document"
    )


def test_held_jobs_that_somebody_puts_back_settle():
    async def scenario(sim):
        tries = []

        def app(pq):
            @pq.entrypoint("moody", on_failure="hold")
            async def moody(job):
                tries.append(job.id)
                if len(tries) == 1:
                    raise ValueError("not today")

        async def operator():
            await asyncio.sleep(5)
            await sim.queries.requeue_jobs([job.id for job in await sim.queries.list_failed_jobs()])

        sim.worker("a", app, dequeue_timeout=timedelta(seconds=1))
        await sim.queries.enqueue("moody", None)
        task = asyncio.create_task(operator())
        await sim.settled(SOON, held=False)
        await task
        assert len(tries) == 2

    run(scenario).check()


@pytest.mark.parametrize("held", [None, True])
def test_held_jobs_may_stay(held):
    async def scenario(sim):
        sim.worker("a", holding)
        await sim.queries.enqueue("bad", None)
        await sim.settled(SOON, held=held)
        assert [job.id for job in await sim.queries.list_failed_jobs()] == [1]

    run(scenario).check()


def test_a_job_that_no_worker_can_take_is_said_to_be_so():
    async def scenario(sim):
        sim.worker("a", ready)
        await sim.queries.enqueue(["x", "y", "z"], [None] * 3, [0] * 3)
        await sim.settled(SOON)

    message = message_of(scenario)
    assert "job 2 (y) is queued, job 3 (z) is queued; no worker registers 'y'" in message
    assert message.endswith("; no worker registers 'z'")


def test_a_job_that_is_deferred_for_long_is_said_to_be_so():
    async def scenario(sim):
        sim.worker("a", ready)
        await sim.queries.enqueue("x", None, execute_after=timedelta(days=3650))
        await sim.settled(SOON)

    assert "job 1 (x) is deferred until 2033-12-29 00:00:00" in message_of(scenario)


def test_held_is_true_or_false():
    async def scenario(sim):
        await sim.settled(held="yes")

    assert "settled: held is True, False or None, not 'yes'" in run(scenario).failure.message
