from __future__ import annotations

from collections.abc import Callable

import pytest
from workbench import SECOND, Workbench, new, notified

from simqueue.errors import PostgresError, UniqueViolationError
from simqueue.model.ids import OnConflict
from simqueue.store import decide_clear_queue, decide_enqueue, decide_requeue, snapshot


def test_ids_come_in_the_order_the_jobs_were_sent(db: Workbench) -> None:
    assert db.enqueue(new("b"), new("a"), new("b")) == [1, 2, 3]
    assert [db.row(job).entrypoint for job in (1, 2, 3)] == ["b", "a", "b"]


def test_a_new_job_is_queued_with_no_attempt_no_holder_and_no_slot(db: Workbench) -> None:
    db.wait(7)
    db.enqueue(new(priority=3, delay=5, key="k"))
    row = db.row(1)
    assert (row.status, row.attempts, row.queue_manager_id, row.slot) == ("queued", 0, None, None)
    assert (row.created, row.updated, row.heartbeat, row.execute_after) == (7, 7, 7, 12)
    assert (row.priority, row.dedupe_key, row.payload, row.headers) == (3, "k", b"x", "null")


def test_each_new_job_is_logged_as_queued(db: Workbench) -> None:
    db.enqueue(new(), new())
    assert db.statuses() == [(1, "queued"), (2, "queued")]


def test_a_delay_may_lie_in_the_past(db: Workbench) -> None:
    db.wait(SECOND)
    db.enqueue(new(delay=-5))
    assert db.row(1).execute_after == SECOND - 5


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_the_trigger_fires_once_however_many_jobs_there_are(db: Workbench, sent: int) -> None:
    assert notified(db.run(decide_enqueue, [new()] * sent, "raise")) == ["insert"]


def test_a_key_in_use_fails_the_whole_statement(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    with pytest.raises(UniqueViolationError, match="unique_dedupe_key") as caught:
        db.enqueue(new(), new(key="k"))
    assert (caught.value.sqlstate, caught.value.constraint_name) == (
        "23505",
        "pgqueuer_unique_dedupe_key",
    )
    assert list(db.tables.jobs.rows) == [1]
    assert db.statuses() == [(1, "queued")]


def test_a_key_named_twice_in_one_batch_fails_it(db: Workbench) -> None:
    with pytest.raises(UniqueViolationError):
        db.enqueue(new(key="k"), new(key="k"))
    assert not db.tables.jobs.rows


@pytest.mark.parametrize(("keys", "burned"), [("k", 1), ("kx", 1), ("xk", 2), ("xky", 3)])
def test_a_failing_batch_burns_ids_as_far_as_the_server_drew_them(
    db: Workbench, keys: str, burned: int
) -> None:
    db.enqueue(new(key="k"))
    with pytest.raises(UniqueViolationError):
        db.enqueue(*(new(key=key) for key in keys))
    assert db.enqueue(new()) == [2 + burned]


def test_a_skipped_job_answers_none_and_burns_its_id(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    assert db.enqueue(new(key="k"), new(), on_conflict="skip") == [None, 3]
    assert db.statuses() == [(1, "queued"), (3, "queued")]


def test_of_equal_keys_in_one_batch_the_first_gets_in_and_the_others_are_skipped(
    db: Workbench,
) -> None:
    assert db.enqueue(*[new(key="k")] * 3, on_conflict="skip") == [1, None, None]
    assert db.enqueue(new()) == [4]


@pytest.mark.parametrize(("old", "sent", "expected"), [(1, 5, 5), (5, 1, 5), (2, 2, 2)])
def test_update_priority_raises_a_live_job_and_never_lowers_it(
    db: Workbench, old: int, sent: int, expected: int
) -> None:
    db.enqueue(new(key="k", priority=old))
    db.wait()
    again = new("b", key="k", priority=sent, delay=9)
    assert db.enqueue(again, new(), on_conflict="update_priority") == [1, 3]
    row = db.row(1)
    assert (row.priority, row.entrypoint, row.execute_after, row.updated) == (expected, "a", 0, 0)


def test_a_raised_priority_is_not_logged(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    db.enqueue(new(key="k", priority=4), on_conflict="update_priority")
    assert db.statuses() == [(1, "queued")]


def test_update_priority_reaches_a_picked_job_too(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    db.wait()
    db.dequeue("a")
    db.enqueue(new(key="k", priority=4), on_conflict="update_priority")
    assert (db.row(1).priority, db.row(1).status) == (4, "picked")


@pytest.mark.parametrize("live", [True, False])
def test_update_priority_cannot_touch_one_job_twice(db: Workbench, live: bool) -> None:  # noqa: FBT001
    if live:
        db.enqueue(new(key="k"))
    with pytest.raises(PostgresError, match="a second time") as caught:
        db.enqueue(new(key="k", priority=1), new(key="k"), new(), on_conflict="update_priority")
    assert caught.value.sqlstate == "21000"
    assert db.enqueue(new()) == [4 + live]
    assert db.row(4 + live).priority == 0


@pytest.mark.parametrize("on_conflict", ["raise", "skip", "update_priority"])
def test_a_key_is_free_once_its_job_is_done_held_or_gone(
    db: Workbench, on_conflict: OnConflict
) -> None:
    releases: list[Callable[[], object]] = [
        lambda: db.finish(1),
        lambda: db.finish(2, status="failed"),
        lambda: db.run(decide_clear_queue, ["a"]),
        lambda: db.run(decide_clear_queue, None),
    ]
    for number, release in enumerate(releases, start=1):
        assert db.enqueue(new(key="k"), on_conflict=on_conflict) == [number]
        release()
    assert db.enqueue(new(key="k"), on_conflict=on_conflict) == [5]


def test_a_requeued_job_takes_its_key_again(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    db.finish(1, status="failed")
    db.run(decide_requeue, [1])
    with pytest.raises(UniqueViolationError):
        db.enqueue(new(key="k"))


def test_a_held_job_that_goes_leaves_its_key_to_the_job_that_has_it_now(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    db.finish(1, status="failed")
    db.enqueue(new(key="k"))
    db.finish(1)
    with pytest.raises(UniqueViolationError):
        db.enqueue(new(key="k"))


def test_deciding_changes_nothing(db: Workbench) -> None:
    db.enqueue(new(key="k"))
    before = snapshot(db.tables)
    decide_enqueue(db.tables, db.now, [new(), new(key="k")], "skip")
    assert snapshot(db.tables) == before
