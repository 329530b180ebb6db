from __future__ import annotations

from typing import Literal

import pytest
from workbench import ANN, BOB, SECOND, Workbench, new, notified

from simqueue.errors import UniqueViolationError
from simqueue.model.events import JobPicked
from simqueue.model.ids import Duration, JobId
from simqueue.store import (
    Claim,
    decide_dequeue,
    decide_enqueue,
    decide_heartbeat,
    decide_requeue,
    snapshot,
)

TIMEOUT = 30 * SECOND


def test_the_most_urgent_job_comes_first_then_the_oldest(db: Workbench) -> None:
    db.enqueue(new(priority=1), new("b", priority=5), new(priority=5), new("b", priority=1))
    db.wait()
    assert db.dequeue("a", "b") == [2, 3, 1, 4]


def test_a_priority_may_be_negative(db: Workbench) -> None:
    db.enqueue(new(priority=-2), new(priority=0), new(priority=-1))
    db.wait()
    assert db.dequeue("a") == [2, 3, 1]


def test_a_claim_is_marked_and_logged(db: Workbench) -> None:
    db.enqueue(new(priority=2))
    db.wait(5)
    db.dequeue("a", manager=BOB)
    row = db.row(1)
    assert (row.status, row.queue_manager_id, row.updated, row.heartbeat) == ("picked", BOB, 5, 5)
    assert (row.created, row.execute_after, row.attempts) == (0, 0, 0)
    assert db.statuses() == [(1, "queued"), (1, "picked")]


def test_a_dequeue_notifies_nobody(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    events = db.run(
        decide_dequeue,
        Claim(1, {"a": 0}, ANN, worker_limit=None, heartbeat_timeout=TIMEOUT),
    )
    assert notified(events) == []


def test_a_job_is_not_yet_due_at_the_instant_it_was_enqueued(db: Workbench) -> None:
    db.enqueue(new())
    assert db.dequeue("a") == []
    db.wait()
    assert db.dequeue("a") == [1]


def test_a_job_deferred_by_one_microsecond_is_not_yet_picked(db: Workbench) -> None:
    db.enqueue(new(delay=1))
    db.wait()
    assert db.dequeue("a") == []
    db.wait()
    assert db.dequeue("a") == [1]


def test_a_deferred_job_falls_into_line_once_it_is_due(db: Workbench) -> None:
    db.enqueue(new(priority=1, delay=SECOND), new(), new())
    db.wait()
    assert db.dequeue("a", batch=1) == [2]
    db.wait(SECOND)
    assert db.dequeue("a") == [1, 3]


def test_no_more_than_a_batch_is_claimed(db: Workbench) -> None:
    db.enqueue(*[new()] * 5)
    db.wait()
    assert db.dequeue("a", batch=2) == [1, 2]
    assert db.dequeue("a", batch=2) == [3, 4]


def test_only_the_entrypoints_asked_for_are_claimed(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"), new("c"))
    db.wait()
    assert db.dequeue("c", "nowhere") == [3]
    assert db.dequeue() == []


def test_a_held_job_is_not_claimed(db: Workbench) -> None:
    db.enqueue(new())
    db.finish(1, status="failed")
    db.wait(TIMEOUT * 2)
    assert db.dequeue("a") == []


# --- stale jobs ---


def test_a_job_is_stale_when_it_was_silent_for_longer_than_the_timeout(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a")
    db.wait(TIMEOUT)
    assert db.dequeue("a", manager=BOB) == []
    db.wait()
    assert db.dequeue("a", manager=BOB) == [1]
    assert db.row(1).queue_manager_id == BOB


def test_a_takeover_says_whom_it_took_the_job_from(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a", manager=ANN)
    db.wait(TIMEOUT + 1)
    db.dequeue("a", manager=BOB)
    picks = [entry.event for entry in db.entries if isinstance(entry.event, JobPicked)]
    assert picks == [JobPicked(JobId(1), ANN), JobPicked(JobId(1), BOB, previous=ANN, stale=True)]


def test_a_heartbeat_puts_the_takeover_off(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a")
    db.wait(TIMEOUT)
    db.run(decide_heartbeat, [1])
    db.wait(TIMEOUT)
    assert db.dequeue("a", manager=BOB) == []


def test_stale_and_fresh_jobs_share_one_order(db: Workbench) -> None:
    db.enqueue(new(priority=1), new(priority=3))
    db.wait()
    db.dequeue("a")
    db.enqueue(new(priority=2), new(priority=4))
    db.wait(TIMEOUT + 1)
    assert db.dequeue("a", batch=3) == [4, 2, 3]


def test_a_shorter_timeout_sees_what_a_longer_one_does_not_and_the_other_way_round(
    db: Workbench,
) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.wait(10)
    assert db.dequeue("a", batch=1, timeout=5) == [1]
    assert db.dequeue("a", batch=1, timeout=-1) == [1]
    assert db.dequeue("a", timeout=20) == [2]
    db.wait(10)
    assert db.dequeue("a", timeout=9) == [1, 2]


# --- the limit of an entrypoint ---


def test_a_limit_counts_what_all_workers_hold(db: Workbench) -> None:
    db.enqueue(*[new()] * 5)
    db.wait()
    assert db.dequeue(a=3, batch=2, manager=ANN) == [1, 2]
    assert db.dequeue(a=3, manager=BOB) == [3]
    assert db.dequeue(a=3, manager=BOB) == []
    db.finish(2)
    assert db.dequeue(a=3, manager=ANN) == [4]


def test_a_limit_of_zero_is_none(db: Workbench) -> None:
    db.enqueue(*[new()] * 4, new("b"))
    db.wait()
    assert db.dequeue(a=0, b=1) == [1, 2, 3, 4, 5]


def test_a_full_entrypoint_does_not_hold_up_another(db: Workbench) -> None:
    db.enqueue(new(priority=9), new(priority=9), new("b"))
    db.wait()
    assert db.dequeue(a=1, b=1) == [1, 3]


def test_jobs_beyond_a_limit_do_not_fill_the_batch(db: Workbench) -> None:
    db.enqueue(*[new(priority=9)] * 10, *[new("b")] * 3)
    db.wait()
    assert db.dequeue("b", a=1, batch=3) == [1, 11, 12]


def test_a_takeover_bypasses_a_full_limit_and_keeps_its_slot(db: Workbench) -> None:
    db.enqueue(*[new()] * 3)
    db.wait()
    db.dequeue(a=2)
    db.wait(TIMEOUT + 1)
    assert db.dequeue(a=2, manager=BOB) == [1, 2]
    assert db.slots() == {1: 0, 2: 1, 3: None}


def test_a_limit_lowered_below_what_is_held_claims_nothing_fresh(db: Workbench) -> None:
    db.enqueue(*[new()] * 4)
    db.wait()
    db.dequeue(a=3)
    assert db.dequeue(a=1) == []


# --- slots ---


def test_a_fresh_claim_gets_the_lowest_free_slot(db: Workbench) -> None:
    db.enqueue(*[new()] * 5)
    db.wait()
    db.dequeue(a=3)
    db.finish(2)
    db.dequeue(a=3)
    assert db.slots() == {1: 0, 3: 2, 4: 1, 5: None}


def test_slots_go_to_the_most_urgent_first(db: Workbench) -> None:
    db.enqueue(new(priority=1), new(priority=2))
    db.wait()
    db.dequeue(a=2)
    assert db.slots() == {1: 1, 2: 0}


def test_each_entrypoint_has_slots_of_its_own(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"), new("c"))
    db.wait()
    db.dequeue(a=1, b=1, c=0)
    assert db.slots() == {1: 0, 2: 0, 3: None}


def test_a_claim_without_a_limit_has_no_slot(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a")
    assert db.slots() == {1: None}


def test_a_dequeue_with_limits_clears_the_slot_kept_by_a_job_of_an_unlimited_entrypoint(
    db: Workbench,
) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue(a=1)
    db.retry(1)
    assert db.slots() == {1: 0}
    db.wait()
    db.dequeue("a", b=1)
    assert db.slots() == {1: None}


def test_a_dequeue_without_limits_leaves_the_slot_that_a_job_kept(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue(a=1)
    db.retry(1)
    db.wait()
    db.dequeue("a")
    assert db.slots() == {1: 0}


@pytest.mark.parametrize("back", ["retried", "requeued"])
def test_a_kept_slot_that_another_job_holds_fails_the_dequeue(
    db: Workbench, back: Literal["retried", "requeued"]
) -> None:
    db.enqueue(new(), new())
    db.wait()
    assert db.dequeue(a=1) == [1]
    if back == "retried":
        db.retry(1)
    else:
        db.finish(1, status="failed")
        db.run(decide_requeue, [1])
    assert db.dequeue(a=1) == [2]
    db.wait()
    before = snapshot(db.tables)
    with pytest.raises(UniqueViolationError, match="picked_slot_idx") as caught:
        db.dequeue("a")
    assert (caught.value.sqlstate, caught.value.constraint_name) == (
        "23505",
        "pgqueuer_picked_slot_idx",
    )
    assert snapshot(db.tables) == before


def test_two_jobs_that_kept_one_slot_cannot_be_claimed_together(db: Workbench) -> None:
    db.enqueue(new(), new())
    for job in (1, 2):
        db.wait()
        assert db.dequeue(a=1) == [job]
        db.retry(job, SECOND)
    db.wait(SECOND + 1)
    with pytest.raises(UniqueViolationError):
        db.dequeue("a")
    assert db.dequeue("a", batch=1) == [1]


def test_a_slot_is_found_though_workers_disagree_on_the_limit(db: Workbench) -> None:
    db.enqueue(*[new()] * 8)
    db.wait()
    db.dequeue(a=5, batch=5)
    db.finish(1, 2, 3)
    assert db.dequeue(a=3) == [6]
    assert db.slots()[6] == 0


# --- the limit of a worker ---


def test_a_worker_claims_up_to_its_own_limit(db: Workbench) -> None:
    db.enqueue(*[new()] * 5)
    db.wait()
    assert db.dequeue("a", worker_limit=3, batch=2) == [1, 2]
    assert db.dequeue("a", worker_limit=3) == [3]
    assert db.dequeue("a", worker_limit=3) == []
    assert db.dequeue("a", worker_limit=3, manager=BOB) == [4, 5]


@pytest.mark.parametrize("worker_limit", [0, -1])
def test_a_worker_without_headroom_claims_nothing(db: Workbench, worker_limit: int) -> None:
    db.enqueue(new())
    db.wait()
    assert db.dequeue("a", worker_limit=worker_limit) == []


def test_the_limit_of_a_worker_counts_only_the_entrypoints_it_asks_for(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"))
    db.wait()
    db.dequeue("a", worker_limit=1)
    assert db.dequeue("b", worker_limit=1) == [2]


def test_the_limit_of_a_worker_holds_back_stale_jobs_too(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", manager=ANN)
    db.wait(TIMEOUT + 1)
    assert db.dequeue("a", worker_limit=1, manager=ANN) == []
    assert db.dequeue("a", worker_limit=1, manager=BOB) == [1]


def test_a_worker_may_take_its_own_stale_job_again(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a")
    db.wait(TIMEOUT + 1)
    assert db.dequeue("a") == [1]
    assert db.row(1).heartbeat == db.now


def test_deciding_a_dequeue_changes_nothing(db: Workbench) -> None:
    db.run(decide_enqueue, [new(), new(delay=2)], "raise")
    db.wait()
    before = snapshot(db.tables)
    for _ in range(2):
        events = decide_dequeue(
            db.tables,
            db.now,
            Claim(5, {"a": 1}, ANN, worker_limit=None, heartbeat_timeout=Duration(0)),
        )
        assert events == [JobPicked(JobId(1), ANN, slot=0)]
    assert snapshot(db.tables) == before
