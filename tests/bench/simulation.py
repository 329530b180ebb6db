"""A run against the same work on stock asyncio, and against itself without a log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import process_time
from unittest import mock

from pgqueuer import PgQueuer
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.models import Job

import simqueue
from simqueue.adapter import Database
from simqueue.model.ids import EntryNumber, Instant
from simqueue.sim.kernel.recorder import Recorder
from tests.bench.timing import Row, Work, timed
from tests.bench.virtual import START_US, VirtualLoop, play

_TASKS, _LAPS = 10, 200
_ORDERS = range(10)
_SEEDS = 20
_PROCESSES = ("a", "b", "c")


def rows() -> list[Row]:
    """Return the simulation's rows."""
    return [
        Row("event-loop steps, seeded order, choices recorded", "stock asyncio",
            _simulated_steps, _stock_steps, 0.7, 1.0),
        Row("seeds, 10-job drain, full event log", "stock asyncio, PgQueuer.in_memory()",
            _seeds(_drained), timed(_stock_drains), 0.5, 0.9),
        Row("an hour of a simulated day, 2 idle workers, 3 schedules", "bare virtual-clock loop",
            timed(lambda: simqueue.run(_idle).check()), timed(_bare_idle), 0.6),
        Row("recording: seeds of the drain, unjudged", "the same, no log kept",
            _seeds(_drained, _UNJUDGED), _without_log, 1 / 1.1),
        Row("all invariants: seeds of the drain", "the same, unjudged",
            _seeds(_drained), _seeds(_drained, _UNJUDGED), None),
    ]  # fmt: skip


# --- steps --------------------------------------------------------------------------------------


async def _laps() -> None:
    for _ in range(_LAPS):
        await asyncio.sleep(0)


async def _spin() -> None:
    await asyncio.gather(*(_laps() for _ in range(_TASKS)))


async def _spinning(sim: simqueue.Simulation) -> None:
    done = [asyncio.get_running_loop().create_future() for _ in _PROCESSES]

    def app(future: asyncio.Future[None]) -> Callable[[PgQueuer], Awaitable[None]]:
        async def setup(pq: PgQueuer) -> None:
            await _spin()
            future.set_result(None)

        return setup

    for name, future in zip(_PROCESSES, done, strict=True):
        sim.worker(name, app(future))
    await asyncio.gather(*done)


def _simulated_steps() -> float:
    """Return the time of as many steps as stock asyncio is asked for, over several seeds.

    How often a run leaves first-in-first-out order is drawn from its seed: never to always.
    """
    config = simqueue.Config(steps_per_instant_max=10**9)
    cost, steps, chosen = 0.0, 0, 0
    for seed in _ORDERS:
        began = process_time()
        run = simqueue.run(_spinning, seed=seed, config=config)
        cost += process_time() - began
        run.check()
        steps += run.outcome.steps
        chosen += len(run.choices)
    assert chosen > len(_ORDERS)
    return cost * len(_ORDERS) * len(_PROCESSES) * _TASKS * (_LAPS + 1) / steps


def _stock_steps() -> float:
    async def spin() -> None:
        await asyncio.gather(*(_spin() for _ in _PROCESSES))

    began = process_time()
    for _ in _ORDERS:
        asyncio.run(spin())
    return process_time() - began


# --- seeds --------------------------------------------------------------------------------------


def _app(done: list[int]) -> Callable[[PgQueuer], None]:
    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("work")
        async def work(job: Job) -> None:
            await asyncio.sleep(0)
            done.append(job.id)

    return app


async def _drained(sim: simqueue.Simulation) -> None:
    done: list[int] = []
    await sim.queries.enqueue(["work"] * 10, [b"x"] * 10, [0] * 10)
    worker = sim.worker("worker", _app(done), mode=QueueExecutionMode.drain)
    await worker.wait()
    assert len(done) == 10


_UNJUDGED = simqueue.Config(invariants=())


def _seeds(
    scenario: Callable[[simqueue.Simulation], Awaitable[None]],
    config: simqueue.Config = simqueue.Config(),  # noqa: B008  frozen
) -> Work:
    seeds = itertools.count()

    def play_some() -> None:
        for seed in itertools.islice(seeds, _SEEDS):
            simqueue.run(scenario, seed=seed, config=config).check()

    return timed(play_some)


def _stock_drains() -> None:
    async def drain() -> None:
        pq = PgQueuer.in_memory()
        done: list[int] = []
        _app(done)(pq)
        await pq.qm.queries.enqueue(["work"] * 10, [b"x"] * 10, [0] * 10)
        await pq.run(mode=QueueExecutionMode.drain)
        assert len(done) == 10

    for _ in range(_SEEDS):
        asyncio.run(drain())


@contextmanager
def _no_log() -> Iterator[None]:
    def append(self: Recorder, *_: object) -> EntryNumber:
        return EntryNumber(0)

    with mock.patch.object(Recorder, "append", append):
        yield


def _without_log() -> float:
    with _no_log():
        return _seeds(_drained, _UNJUDGED)()


# --- a day --------------------------------------------------------------------------------------

_SPAN = timedelta(hours=1)
"""A whole day is 24 times that, and takes 24 times as long."""


def _schedules(pq: PgQueuer) -> None:
    for name, expression in (("a", "*/5 * * * *"), ("b", "0 * * * *"), ("c", "30 4 * * *")):

        @pq.schedule(name, expression)
        async def handle(schedule: object) -> None:
            pass


async def _idle(sim: simqueue.Simulation) -> None:
    for name in ("one", "two"):
        sim.worker(name, _schedules)
    await asyncio.sleep(_SPAN.total_seconds())


def _bare_idle() -> None:
    async def idle() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        readings = itertools.count()
        # A clock that never shows the same twice, as that of a database in real time.
        database = Database(lambda: Instant(START_US + round(loop.now * 1e6) + next(readings) % 2))
        queuers = [_queuer(database) for _ in range(2)]
        running = [asyncio.ensure_future(pq.run()) for pq in queuers]
        await asyncio.sleep(_SPAN.total_seconds())
        for pq in queuers:
            pq.shutdown.set()
        await asyncio.gather(*running)

    play(idle())


def _queuer(database: Database) -> PgQueuer:
    driver = simqueue.InMemoryDriver(database)
    pq = PgQueuer(connection=driver, queries=simqueue.InMemoryQueries(driver))
    _schedules(pq)
    return pq
