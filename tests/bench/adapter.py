"""The adapter against PgQueuer's own in-memory one."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import timedelta
from time import process_time
from typing import Any
from uuid import UUID

from pgqueuer import PgQueuer
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.ports.repository import EntrypointExecutionParameter

import simqueue
from tests.bench.timing import Row, Work

Make = Callable[[], PgQueuer]

_MANAGER = UUID(int=1)
_BATCH = 100
_TIMEOUT = timedelta(seconds=30)
_AGAINST = "PgQueuer.in_memory()"


def rows() -> list[Row]:
    """Return the adapter's rows."""
    return [
        *(_drains(n) for n in (1_000, 10_000, 100_000)),
        _paths(1_000),
        _itself(1_000_000),
        *(_looks(name) for name in ("queued_work", "eligible_queued_work", "next_deferred_eta")),
    ]


def _drains(n: int) -> Row:
    what = f"drain {n:,} jobs"
    ours, theirs = _drain(simqueue.in_memory, n), _drain(PgQueuer.in_memory, n)
    return Row(what, _AGAINST, ours, theirs, 1.0, 1.5, rounds=3 if n > 10_000 else None)


def _drain(make: Make, n: int) -> Work:
    async def drain() -> float:
        pq = make()

        @pq.entrypoint("work")
        async def work(job: object) -> None:
            pass

        await _enqueue(pq, n)
        began = process_time()
        await pq.qm.run(
            batch_size=_BATCH, mode=QueueExecutionMode.drain, max_concurrent_tasks=2 * _BATCH
        )
        cost = process_time() - began
        assert not sum(size.count for size in await pq.qm.queries.queue_size())
        return cost

    return lambda: asyncio.run(drain())


async def _enqueue(pq: PgQueuer, n: int, delay: timedelta | None = None) -> None:
    for start in range(0, n, 10_000):
        size = min(10_000, n - start)
        await pq.qm.queries.enqueue(["work"] * size, [b"x"] * size, [0] * size, [delay] * size)


def _paths(n: int) -> Row:
    what = f"dequeue + log_jobs without managers, {n:,} jobs queued"
    ours, theirs = _path(simqueue.in_memory, n), _path(PgQueuer.in_memory, n)
    return Row(what, _AGAINST, ours, theirs, 1.5)


def _itself(n: int) -> Row:
    many, few = _path(simqueue.in_memory, n, kept=True), _path(simqueue.in_memory, 1_000)
    # At most 1.3 times the cost per job is at least 1 / 1.3 of the speed.
    return Row(f"the same, {n:,} jobs queued", "itself, 1,000 queued", many, few, 1 / 1.3)


def _path(make: Make, queued: int, *, kept: bool = False) -> Work:
    """Return work that takes 1,000 jobs off a queue of that many; the queue is filled up again."""
    keep = functools.cache(lambda: asyncio.run(_filled(make, queued)))

    def once() -> float:
        pq = keep() if kept else asyncio.run(_filled(make, queued))
        return asyncio.run(_take(pq, 1_000))

    return once


async def _filled(make: Make, n: int) -> PgQueuer:
    pq = make()
    await _enqueue(pq, n)
    return pq


async def _take(pq: PgQueuer, n: int) -> float:
    queries: Any = pq.qm.queries
    work = {"work": EntrypointExecutionParameter(concurrency_limit=0)}
    began = process_time()
    for _ in range(n // _BATCH):
        jobs = await queries.dequeue(_BATCH, work, _MANAGER, None, _TIMEOUT)
        assert len(jobs) == _BATCH
        await queries.log_jobs([(job, "successful", None) for job in jobs])
    cost = process_time() - began
    await _enqueue(pq, n)
    return cost


def _looks(name: str) -> Row:
    n = 100_000
    return Row(f"{name}, {n:,} jobs", _AGAINST, _look(simqueue.in_memory, name, 2_000),
               _look(PgQueuer.in_memory, name, 2), 1_000)  # fmt: skip


def _look(make: Make, name: str, times: int) -> Work:
    """Return work that asks about 100,000 deferred jobs; its cost is that of one question."""

    @functools.cache
    def filled() -> PgQueuer:
        pq = make()
        asyncio.run(_enqueue(pq, 100_000, timedelta(hours=1)))
        return pq

    async def ask() -> float:
        queries: Any = filled().qm.queries
        question = getattr(queries, name)
        began = process_time()
        for _ in range(times):
            await question(["work"])
        return (process_time() - began) / times

    def once() -> float:
        filled()  # outside of the loop that asks
        return asyncio.run(ask())

    return once
