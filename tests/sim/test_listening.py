import asyncio
from contextlib import asynccontextmanager

import pytest

import simqueue
from simqueue.model import events as e
from simqueue.model.config import Config, Faults
from simqueue.report.story.story import render_story

NAME = "listens-again"
CHANNEL = "ch_pgqueuer"


def application(pq):
    @pq.entrypoint("ping")
    async def ping(job):
        await asyncio.sleep(1)


def played(body, setup=application, config=Config(), seed=0, **worker):  # noqa: B008  frozen
    async def scenario(sim):
        await body(sim, sim.worker("w", setup, **worker))

    return simqueue.run(scenario, seed=seed, config=config)


async def disconnected(sim, worker):
    await asyncio.sleep(2)
    worker.disconnect()
    for _ in range(5):
        await asyncio.sleep(45)
        await sim.queries.enqueue("ping", None)


def test_pgqueuers_pool_driver_never_listens_again():
    run = played(disconnected, pool=5)
    assert run.failure.signature == "invariant:listens-again:pool"
    assert run.failure.message.startswith("w stopped listening to ch_pgqueuer at +2.000000s, when")
    _, account = render_story(run.trace).split("How it came about")
    assert "+2.000000s  w stops listening to ch_pgqueuer over w" in account.split("\n\n")[0]


def test_that_is_found_too_if_the_scenario_ends_before():
    async def body(sim, worker):
        await asyncio.sleep(2)
        worker.disconnect()

    assert played(body, pool=5).failure.where == NAME


@pytest.mark.parametrize("strike", ["restart_server", "crash_server", "fail_over"])
def test_a_server_that_comes_up_again_is_not_listened_to(strike):
    async def body(sim, worker):
        await asyncio.sleep(2)
        getattr(sim, strike)()
        await asyncio.sleep(200)

    run = played(body, pool=5)
    blow = "restart" if strike == "restart_server" else "crash"
    assert f"when a {blow} of the server broke its connection" in run.failure.message


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("worker", [{}, {"pool": 5, "shutdown_on_listener_failure": True}])
def test_a_worker_that_ends_and_is_started_again_passes(worker, seed):
    run = played(disconnected, seed=seed, restart="always", **worker)
    run.check()
    assert sum(isinstance(each.event, e.WorkerStarted) for each in run.events) > 1


def listens_again_after(seconds):
    """Return an application that mends the pool driver: it listens again so long after a loss."""

    @asynccontextmanager
    async def setup(pq):
        application(pq)

        async def mend():
            pool = pq.connection.connection
            while pool._listener is None or not pool._listener.lost:
                await asyncio.sleep(1)
            await asyncio.sleep(seconds)
            pool._listener = None
            await pool.listen(CHANNEL)

        mending = asyncio.create_task(mend())
        yield
        mending.cancel()

    return setup


def test_a_driver_that_listens_again_late_passes():
    played(disconnected, setup=listens_again_after(80), pool=5).check()


def test_one_that_does_so_too_late_does_not():
    run = played(disconnected, setup=listens_again_after(150), pool=5)
    assert run.failure.where == NAME


def test_workers_with_one_connection_pass_whatever_breaks_it():
    config = Config(faults=Faults.named("network,restart-server"), invariants=(NAME, "run-ends"))
    runs = [played(disconnected, config=config, seed=seed) for seed in range(4)]
    assert all(run.passed for run in runs)
    assert any(isinstance(each.event, e.FaultStruck) for run in runs for each in run.events)


def test_a_switch_turns_it_off():
    played(disconnected, pool=5, config=Config(without=(NAME,))).check()
