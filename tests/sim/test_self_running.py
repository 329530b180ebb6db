import asyncio
import signal

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from simqueue.sim.run import run


async def does_nothing(job):
    pass


async def pgqueuer():
    pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect()))
    pgq.entrypoint("x")(does_nothing)
    return pgq


async def main_with_signals():
    pgq = await pgqueuer()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pgq.shutdown.set)
    await pgq.run()


async def main_with_a_plain_signal():
    pgq = await pgqueuer()
    signal.signal(signal.SIGTERM, lambda *_: pgq.shutdown.set())
    await pgq.run()


async def main_that_runs():
    await (await pgqueuer()).run()


async def main_of_a_queue_manager():
    await QueueManager(Queries(AsyncpgDriver(await asyncpg.connect()))).run()


async def main_of_a_scheduler_manager():
    await SchedulerManager(Queries(AsyncpgDriver(await asyncpg.connect()))).run()


async def main_that_gathers():
    await asyncio.gather((await pgqueuer()).run(batch_size=3))


@pytest.mark.parametrize(
    ("factory", "what"),
    [
        (main_with_signals, "loop.add_signal_handler"),
        (main_with_a_plain_signal, "signal.signal"),
        (main_that_runs, "PgQueuer.run"),
        (main_of_a_queue_manager, "QueueManager.run"),
        (main_of_a_scheduler_manager, "SchedulerManager.run"),
        (main_that_gathers, "PgQueuer.run"),
    ],
)
def test_a_factory_that_runs_itself_is_refused_at_its_line_with_what_to_do(factory, what):
    async def scenario(sim):
        sim.worker("a", factory)
        await asyncio.sleep(3600)

    result = run(scenario)
    name = factory.__name__
    assert result.failure.message.startswith(
        f"RefusedError: {what} is refused inside a simulation (at test_self_running.py:"
    )
    assert f" in {name}): a factory returns its PgQueuer and does not run it: split {name}()" in (
        result.failure.message
    )
    assert result.simulated.total_seconds() < 60


def test_elsewhere_signals_and_runs_are_what_they_were():
    async def scenario(sim):
        sim.worker("a", pgqueuer)
        await asyncio.sleep(1)
        beside = asyncio.create_task((await pgqueuer()).run())
        await sim.queries.enqueue("x", None)
        await sim.settled()
        beside.cancel()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)

    message = run(scenario).failure.message
    assert "loop.add_signal_handler is refused" in message
    assert "stop a worker with worker.stop()" in message
    assert PgQueuer.run.__module__.startswith("pgqueuer")
    assert not hasattr(PgQueuer.run, "__wrapped__")


def test_what_stands_for_run_is_the_same_in_each_run():
    seen = []

    async def scenario(sim):
        seen.append(PgQueuer.run)

    for _ in range(2):
        run(scenario).check()
    one, other = seen
    assert one is other is not PgQueuer.run  # what is kept by function does not grow
