"""Work is counted, not timed: lines of Python that a statement runs, however many jobs there are.

What C runs is not counted; that the sorted keys it moves are few is a test of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import FrameType
from typing import Any

import pytest
from workbench import BOB, SECOND, Workbench, new

from simqueue.model.ids import JobId
from simqueue.store import (
    decide_enqueue,
    decide_heartbeat,
    decide_retry,
    select_eligible_queued_work,
    select_next_deferred_eta,
    select_queue_size,
    select_queued_work,
)

FEW, MANY = 1_000, 100_000
NAMES = ["a", "b"]


def lines(work: Callable[[], object]) -> int:
    """Return how many lines of Python ``work()`` runs."""
    counted = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted


def queued(db: Workbench, count: int) -> None:
    db.run(decide_enqueue, [new(priority=n % 7) for n in range(count)], "raise")


def deferred(db: Workbench, count: int) -> None:
    db.run(decide_enqueue, [new(delay=3600 * SECOND + n % 7) for n in range(count)], "raise")


def of_another_entrypoint(db: Workbench, count: int) -> None:
    db.run(decide_enqueue, [new("other")] * count, "raise")


def picked(db: Workbench, count: int) -> None:
    queued(db, count)
    db.wait()
    db.dequeue("a", batch=count, manager=BOB)


def held(db: Workbench, count: int) -> None:
    queued(db, count)
    db.finish(*range(1, count + 1), status="failed")


FILLS = [queued, deferred, of_another_entrypoint, picked, held]


@cache
def filled(fill: Callable[[Workbench, int], None], count: int) -> Workbench:
    """Return a database with so many jobs, and three more to work on, after a first dequeue."""
    db = Workbench()
    fill(db, count)
    db.enqueue(*[new("b", priority=99, delay=delay) for delay in (0, 0, 50 * SECOND)])
    db.wait()
    db.dequeue(*NAMES, batch=1)
    db.entries.clear()
    return db


def work_of_a_job(db: Workbench) -> None:
    db.enqueue(new("b", priority=100))
    db.wait()
    (job,) = db.dequeue(*NAMES, batch=1)
    db.run(decide_heartbeat, [job])
    db.finish(job)


def work_of_a_limited_job(db: Workbench) -> None:
    db.enqueue(new("b", priority=100))
    db.wait()
    (job,) = db.dequeue("a", b=5, batch=1, worker_limit=9)
    db.run(decide_retry, job, 0, None)
    db.finish(job)


def a_batch_of_ten(db: Workbench) -> None:
    db.enqueue(*[new("b", priority=100)] * 10)
    db.wait()
    db.finish(*db.dequeue(*NAMES, batch=10))


ASKING: list[Callable[[Workbench], object]] = [
    lambda db: select_queued_work(db.tables, db.now, NAMES),
    lambda db: select_eligible_queued_work(db.tables, db.now, NAMES),
    lambda db: select_next_deferred_eta(db.tables, db.now, NAMES),
    lambda db: select_queue_size(db.tables, db.now),
]


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    yield
    filled.cache_clear()


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("work", [work_of_a_job, work_of_a_limited_job, a_batch_of_ten, *ASKING])
def test_a_hundred_times_the_jobs_are_no_more_work(
    fill: Callable[[Workbench, int], None], work: Callable[[Workbench], object]
) -> None:
    few, many = filled(fill, FEW), filled(fill, MANY)
    assert lines(lambda: work(many)) <= 1.2 * lines(lambda: work(few)) + 20


@pytest.mark.parametrize("fill", [queued, deferred])
def test_jobs_are_taken_from_a_long_queue_at_the_price_of_a_short_one(
    fill: Callable[[Workbench, int], None],
) -> None:
    def drain(count: int) -> Callable[[], None]:
        db = filled(fill, count)
        db.wait(2 * 3600 * SECOND)
        db.dequeue(*NAMES, batch=1)

        def take() -> None:
            for _ in range(20):
                db.finish(*db.dequeue("a", batch=10))

        return take

    assert lines(drain(MANY)) <= 1.2 * lines(drain(FEW)) + 20


def test_what_is_due_at_once_is_moved_once() -> None:
    db = Workbench()
    queued(db, FEW)
    db.wait()
    first = lines(lambda: db.dequeue("a", batch=1))
    second = lines(lambda: db.dequeue("a", batch=1))
    assert second < first / 10


@pytest.mark.parametrize("fill", FILLS)
def test_no_chunk_of_sorted_keys_is_long(fill: Callable[[Workbench, int], None]) -> None:
    lanes = filled(fill, MANY).tables.jobs.lanes.values()
    keys = [k for lane in lanes for r in (lane.queued, lane.picked) for k in (r._ripe, r._unripe)]
    assert sum(len(each) for each in keys) >= (0 if fill is held else MANY // 2)
    assert max((len(chunk) for each in keys for chunk in each._chunks), default=0) <= 512


def test_finding_a_job_in_the_log_costs_the_same_after_the_first_time() -> None:
    db = filled(queued, MANY)
    db.tables.log.last_status(JobId(1))
    assert lines(lambda: db.tables.log.last_status(JobId(MANY))) < 20


def test_lanes_of_entrypoints_that_ran_dry_do_not_pile_up() -> None:
    db = Workbench()
    for number in range(2_000):
        (job,) = db.enqueue(new(f"e{number}"))
        assert job is not None
        db.finish(job)
    assert len(db.tables.jobs.lanes) <= 64
