from __future__ import annotations

import pytest
from workbench import ANN, SECOND, Workbench, new, notified

from simqueue.errors import UniqueViolationError
from simqueue.model.ids import Status
from simqueue.store import (
    decide_aggregate,
    decide_clear_log,
    decide_clear_queue,
    decide_clear_statistics,
    decide_drop,
    decide_heartbeat,
    decide_log_jobs,
    decide_notify,
    decide_requeue,
    decide_retry,
    select_log_statistics,
    snapshot,
)


@pytest.mark.parametrize("status", ["successful", "exception", "canceled", "deleted"])
def test_a_finished_job_leaves_the_queue_and_is_logged(db: Workbench, status: Status) -> None:
    db.enqueue(new(priority=4))
    db.wait(3)
    db.run(decide_log_jobs, [(1, status, '{"a": 1}')])
    assert not db.tables.jobs.rows
    row = db.tables.log.rows[2]
    assert (row.created, row.job_id, row.status, row.priority) == (3, 1, status, 4)
    assert (row.traceback, row.aggregated) == ('{"a": 1}', False)


def test_a_failed_job_is_held_without_a_manager(db: Workbench) -> None:
    db.enqueue(new())
    db.wait(2)
    db.dequeue(a=1)
    db.wait(3)
    db.finish(1, status="failed")
    row = db.row(1)
    assert (row.status, row.queue_manager_id, row.updated, row.heartbeat) == ("failed", None, 5, 2)
    assert row.slot == 0
    assert db.statuses()[-1] == (1, "failed")


def test_a_held_job_gives_its_capacity_back(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue(a=1)
    db.finish(1, status="failed")
    assert db.dequeue(a=1) == [2]
    assert db.slots() == {1: 0, 2: 0}


def test_jobs_without_a_row_are_passed_over_and_the_trigger_fires_all_the_same(
    db: Workbench,
) -> None:
    assert notified(db.run(decide_log_jobs, [(9, "successful", None)])) == ["delete"]
    assert notified(db.run(decide_log_jobs, [])) == ["delete"]
    assert db.statuses() == []


def test_any_worker_may_finish_a_job_that_another_holds_or_nobody(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.finish(2, 1)
    assert not db.tables.jobs.rows


@pytest.mark.parametrize("order", [("failed", "successful"), ("successful", "failed")])
def test_a_job_that_one_batch_both_holds_and_finishes_is_gone_and_logged_twice(
    db: Workbench, order: tuple[Status, Status]
) -> None:
    db.enqueue(new(key="k"))
    db.run(decide_log_jobs, [(1, status, None) for status in order])
    assert not db.tables.jobs.rows
    # PostgreSQL hashes the entries of a batch, and meets the later one of a job first.
    assert db.statuses() == [(1, "queued"), (1, order[1]), (1, order[0])]
    assert db.enqueue(new(key="k")) == [2]


def test_a_job_finished_twice_in_one_batch_is_logged_twice_and_in_two_once(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.finish(1, 1)
    db.finish(2)
    db.finish(2)
    assert [job for job, status in db.statuses() if status == "successful"] == [1, 1, 2]


# --- retry and re-queue ---


def test_a_retried_job_waits_its_delay_with_one_attempt_more(db: Workbench) -> None:
    db.enqueue(new())
    db.wait(2)
    db.dequeue(a=1)
    db.wait(3)
    events = db.run(decide_retry, 1, 7, '{"a": 1}')
    row = db.row(1)
    assert (row.status, row.execute_after, row.attempts, row.updated) == ("queued", 12, 1, 5)
    assert (row.queue_manager_id, row.slot, row.heartbeat) == (None, 0, 2)
    assert db.tables.log.rows[3].traceback == '{"a": 1}'
    assert db.statuses()[-1] == (1, "queued")
    assert notified(events) == []


def test_a_retried_job_is_claimed_again_when_it_is_due(db: Workbench) -> None:
    db.enqueue(new())
    db.wait()
    db.dequeue("a")
    db.retry(1, 5)
    db.wait(5)
    assert db.dequeue("a") == []
    db.wait()
    assert db.dequeue("a") == [1]


def test_a_retry_of_a_job_that_is_gone_does_nothing(db: Workbench) -> None:
    assert db.run(decide_retry, 1, 0, None) == []


def test_a_queued_job_can_be_retried_too(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    db.retry(1, SECOND)
    assert db.row(1).attempts == 1
    assert int(db.row(1).execute_after) == SECOND


def test_a_retry_brings_a_held_job_back(db: Workbench) -> None:
    db.enqueue(new())
    db.finish(1, status="failed")
    db.retry(1)
    db.wait()
    assert db.dequeue("a") == [1]


def test_a_held_job_cannot_come_back_while_another_has_its_key(db: Workbench) -> None:
    db.enqueue(new(key="k"), new())
    db.finish(1, 2, status="failed")
    db.enqueue(new(key="k"))
    before = snapshot(db.tables)
    with pytest.raises(UniqueViolationError, match="dedupe_key"):
        db.retry(1)
    with pytest.raises(UniqueViolationError, match="dedupe_key"):
        db.run(decide_requeue, [2, 1])
    assert snapshot(db.tables) == before


def test_two_held_jobs_with_one_key_cannot_come_back_together(db: Workbench) -> None:
    for job in (1, 2):
        db.enqueue(new(key="k"))
        db.finish(job, status="failed")
    with pytest.raises(UniqueViolationError):
        db.run(decide_requeue, [1, 2])
    db.run(decide_requeue, [2])
    assert (db.row(1).status, db.row(2).status) == ("failed", "queued")


def test_a_requeued_job_is_as_new_but_not_due_at_that_instant(db: Workbench) -> None:
    db.enqueue(new())
    db.retry(1)
    db.finish(1, status="failed")
    db.wait(5)
    events = db.run(decide_requeue, [1, 1])
    row = db.row(1)
    assert (row.status, row.attempts, row.execute_after, row.updated) == ("queued", 0, 5, 5)
    assert db.statuses()[-2:] == [(1, "failed"), (1, "queued")]
    assert notified(events) == []
    assert db.dequeue("a") == []
    db.wait()
    assert db.dequeue("a") == [1]


def test_only_held_jobs_are_requeued(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    assert db.run(decide_requeue, [1, 2, 9]) == []


# --- heartbeats ---


def test_a_heartbeat_reaches_every_job_named_whoever_holds_it(db: Workbench) -> None:
    db.enqueue(new(), new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.finish(3, status="failed")
    db.wait(4)
    db.run(decide_heartbeat, [3, 2, 1, 1, 9])
    assert [db.row(job).heartbeat for job in (1, 2, 3)] == [5, 5, 5]
    assert [db.row(job).updated for job in (1, 2, 3)] == [1, 0, 1]


def test_a_heartbeat_of_nothing_is_no_event(db: Workbench) -> None:
    assert db.run(decide_heartbeat, []) == db.run(decide_heartbeat, [9]) == []


# --- clearing ---


def test_clearing_an_entrypoint_logs_each_job_as_deleted(db: Workbench) -> None:
    db.enqueue(new("b"), new("a"), new("b", key="k"), new("b"))
    db.wait()
    db.dequeue("b", batch=1)
    db.finish(4, status="failed")
    events = db.run(decide_clear_queue, ["b", "nowhere"])
    assert list(db.tables.jobs.rows) == [2]
    assert db.statuses()[-3:] == [(1, "deleted"), (3, "deleted"), (4, "deleted")]
    assert notified(events) == ["delete"]


def test_clearing_nothing_fires_the_trigger_too(db: Workbench) -> None:
    assert notified(db.run(decide_clear_queue, [])) == ["delete"]


def test_truncating_logs_nothing_and_the_sequence_goes_on(db: Workbench) -> None:
    db.enqueue(new(), new())
    assert notified(db.run(decide_clear_queue, None)) == ["truncate"]
    assert db.statuses() == [(1, "queued"), (2, "queued")]
    assert db.enqueue(new()) == [3]


def test_clearing_the_log_leaves_other_entrypoints_and_the_sequence(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"))
    db.run(decide_clear_log, ["a"])
    assert db.statuses() == [(2, "queued")]
    assert db.tables.log.unaggregated == 1
    db.run(decide_clear_log, None)
    db.enqueue(new("a"))
    assert list(db.tables.log.rows) == [3]


def test_dropping_begins_again_with_the_first_id(db: Workbench) -> None:
    db.enqueue(new(key="k"), new())
    db.run(decide_aggregate)
    db.run(decide_drop)
    assert snapshot(db.tables) == snapshot(Workbench().tables)
    assert db.enqueue(new(key="k")) == [1]


# --- statistics ---


def counts(db: Workbench) -> list[tuple[int, str, int, Status, int]]:
    """Return each statistics row, oldest id first."""
    rows = select_log_statistics(db.tables, db.now, None, None)
    return [(r.created, r.entrypoint, r.priority, r.status, r.count) for r in reversed(rows)]


def test_log_rows_of_one_second_are_counted_together(db: Workbench) -> None:
    db.enqueue(new(), new(), new(priority=1))
    db.wait(SECOND - 1)
    db.enqueue(new())
    db.wait()
    db.enqueue(new())
    db.run(decide_aggregate)
    assert counts(db) == [
        (0, "a", 0, "queued", 3),
        (0, "a", 1, "queued", 1),
        (SECOND, "a", 0, "queued", 1),
    ]


def test_a_row_is_counted_once(db: Workbench) -> None:
    db.enqueue(new())
    db.run(decide_aggregate)
    assert db.run(decide_aggregate) == []
    db.enqueue(new())
    db.run(decide_aggregate)
    assert counts(db) == [(0, "a", 0, "queued", 2)]
    assert all(row.aggregated for row in db.tables.log.rows.values())


def test_counting_into_a_bucket_that_is_there_burns_an_id(db: Workbench) -> None:
    for _ in range(2):
        db.enqueue(new())
        db.run(decide_aggregate)
    db.wait(SECOND)
    db.enqueue(new())
    db.run(decide_aggregate)
    assert list(db.tables.statistics.rows) == [1, 3]


def test_statistics_are_cleared_by_entrypoint_and_counted_anew(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"))
    db.run(decide_aggregate)
    db.run(decide_clear_statistics, ["a"])
    assert [row[1] for row in counts(db)] == ["b"]
    db.enqueue(new("a"), new("b"))
    db.run(decide_aggregate)
    assert sorted(row[1:] for row in counts(db)) == [("a", 0, "queued", 1), ("b", 0, "queued", 2)]
    db.run(decide_clear_statistics, None)
    assert counts(db) == []


def test_a_notification_changes_no_table(db: Workbench) -> None:
    before = snapshot(db.tables)
    (event,) = db.run(decide_notify, "channel", "payload")
    assert (event.channel, event.payload) == ("channel", "payload")  # type: ignore[union-attr]
    assert snapshot(db.tables) == before


def test_finishing_lets_a_worker_claim_again(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", worker_limit=1, manager=ANN)
    db.finish(1)
    assert db.dequeue("a", worker_limit=1, manager=ANN) == [2]


def test_a_requeue_that_fails_has_logged_the_jobs_before_and_their_ids_stay_drawn(
    db: Workbench,
) -> None:
    db.enqueue(new(), new(), new(key="k"))
    db.run(decide_log_jobs, [(job, "failed", None) for job in (1, 2, 3)])
    db.enqueue(new(key="k"))
    before = db.tables.log.next_id
    with pytest.raises(UniqueViolationError):
        db.run(decide_requeue, [1, 2, 3])
    assert db.tables.log.next_id == before + 2
    assert [row.status for row in db.tables.jobs.rows.values()].count("failed") == 3
