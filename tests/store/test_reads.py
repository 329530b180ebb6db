from __future__ import annotations

from collections.abc import Sequence

import pytest
from workbench import ANN, BOB, SECOND, Workbench, new

from simqueue.model.ids import Duration, Instant, JobId, ManagerId, Status
from simqueue.store import (
    ActiveWorker,
    JobDurations,
    QueueAge,
    QueueSize,
    Throughput,
    ThroughputBucket,
    decide_aggregate,
    decide_clear_log,
    decide_clear_queue,
    decide_fetch_schedules,
    decide_heartbeat,
    decide_insert_schedules,
    decide_log_jobs,
    decide_release_schedules,
    select_active_workers,
    select_browse_queue,
    select_eligible_queued_work,
    select_exception_logs,
    select_job_duration_percentiles,
    select_job_log_history,
    select_job_status,
    select_list_failed_jobs,
    select_log_statistics,
    select_next_deferred_eta,
    select_peek_schedule,
    select_queue_age,
    select_queue_job_by_id,
    select_queue_log,
    select_queue_size,
    select_queued_work,
    select_stale_jobs,
    select_table_sizes,
    select_throughput_summary,
    select_throughput_timeseries,
    select_unaggregated_log_count,
)

MINUTE = 60 * SECOND
ALWAYS = Duration(10**15)


# --- work ---


def test_queued_work_stops_counting_at_one(db: Workbench) -> None:
    db.enqueue(*[new()] * 3, new("b"))
    assert select_queued_work(db.tables, db.now, ["a", "b"]) == 1
    assert select_queued_work(db.tables, db.now, ["c"]) == 0
    assert select_queued_work(db.tables, db.now, []) == 0


def test_work_that_is_picked_or_held_is_not_queued(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.finish(2, status="failed")
    assert select_queued_work(db.tables, db.now, ["a"]) == 0


def test_a_deferred_job_is_queued_work_and_eligible_from_its_instant_on(db: Workbench) -> None:
    db.enqueue(new(delay=5))
    assert select_queued_work(db.tables, db.now, ["a"]) == 1
    assert select_eligible_queued_work(db.tables, Instant(4), ["a"]) == 0
    assert select_eligible_queued_work(db.tables, Instant(5), ["a"]) == 1


def test_a_job_is_eligible_one_microsecond_before_it_can_be_dequeued(db: Workbench) -> None:
    db.enqueue(new())
    assert select_eligible_queued_work(db.tables, db.now, ["a"]) == 1
    assert db.dequeue("a") == []


def test_the_next_eta_is_that_of_the_first_job_still_to_come(db: Workbench) -> None:
    db.enqueue(new(delay=9), new(delay=5), new("b", delay=2), new())
    assert select_next_deferred_eta(db.tables, db.now, ["a"]) == 5
    assert select_next_deferred_eta(db.tables, db.now, ["a", "b"]) == 2
    assert select_next_deferred_eta(db.tables, Instant(5), ["a", "b"]) == 4
    assert select_next_deferred_eta(db.tables, Instant(9), ["a", "b"]) is None


# --- the queue ---


def test_sizes_come_by_count_then_entrypoint_priority_and_status_as_declared(
    db: Workbench,
) -> None:
    db.enqueue(new("b"), new("a", 1), new("a", 0), new("a", 0), new("c"), new("c"))
    db.wait()
    db.dequeue("a", batch=2)
    db.finish(3, status="failed")
    db.enqueue(new("a", 0))
    db.wait()
    db.dequeue("a", batch=1)
    assert select_queue_size(db.tables, db.now) == [
        QueueSize(1, "a", 0, "queued"),
        QueueSize(1, "a", 0, "picked"),
        QueueSize(1, "a", 0, "failed"),
        QueueSize(1, "a", 1, "picked"),
        QueueSize(1, "b", 0, "queued"),
        QueueSize(2, "c", 0, "queued"),
    ]


def test_a_job_is_found_by_its_id_while_it_has_a_row(db: Workbench) -> None:
    db.enqueue(new())
    assert select_queue_job_by_id(db.tables, db.now, JobId(1)) == db.row(1)
    db.finish(1)
    assert select_queue_job_by_id(db.tables, db.now, JobId(1)) is None


def test_held_jobs_come_by_creation(db: Workbench) -> None:
    for _ in range(3):
        db.enqueue(new())
        db.wait()
    db.finish(3, 1, 2, status="failed")
    db.enqueue(new())
    ascending = select_list_failed_jobs(db.tables, db.now, 2, "ASC")
    descending = select_list_failed_jobs(db.tables, db.now, 2, "DESC")
    assert [row.id for row in ascending] == [1, 2]
    assert [row.id for row in descending] == [3, 2]


@pytest.mark.parametrize(
    ("statuses", "entrypoints", "expected"),
    [
        (None, None, [3, 2, 1, 4]),
        (["queued"], None, [2, 1, 4]),
        (["picked", "queued"], ["b"], [3, 4]),
        ([], None, []),
        (None, [], []),
    ],
)
def test_a_page_of_the_queue_comes_by_urgency(
    db: Workbench,
    statuses: Sequence[str] | None,
    entrypoints: Sequence[str] | None,
    expected: list[int],
) -> None:
    db.enqueue(new(priority=1), new(priority=2), new("b", priority=3), new("b"))
    db.wait()
    db.dequeue("b", batch=1)

    def page(limit: int, offset: int) -> list[int]:
        rows = select_browse_queue(db.tables, db.now, limit, offset, statuses, entrypoints)
        return [row.id for row in rows]

    assert page(9, 0) == expected
    assert page(1, 1) == expected[1:2]
    assert page(9, 3) == expected[3:]


def test_the_longest_silent_job_comes_first_and_only_past_the_threshold(db: Workbench) -> None:
    db.enqueue(*[new()] * 3)
    db.wait()
    db.dequeue("a", batch=2)
    db.wait()
    db.run(decide_heartbeat, [1])
    db.wait(10)

    def silent(threshold: int, limit: int = 9) -> list[int]:
        rows = select_stale_jobs(db.tables, db.now, Duration(threshold), limit)
        return [row.id for row in rows]

    assert silent(0) == [2, 1]
    assert silent(0, limit=1) == [2]
    assert silent(10) == [2]
    assert silent(11) == []


def test_ages_are_those_of_queued_jobs_in_seconds(db: Workbench) -> None:
    db.enqueue(new("b"), new("b"), new("c"))
    db.wait(SECOND)
    db.enqueue(new("b"), new("a"))
    db.finish(3, status="failed")
    db.wait(SECOND // 2)
    assert select_queue_age(db.tables, db.now) == [
        QueueAge("a", 1, Instant(SECOND), 0.5, 0.5),
        QueueAge("b", 3, Instant(0), 1.5, 3.5 / 3),
    ]


def test_workers_come_by_id_with_what_they_hold(db: Workbench) -> None:
    db.enqueue(new("b"), new("a"), new("b"), new("c"))
    db.wait()
    db.dequeue("c", manager=BOB)
    db.dequeue("a", manager=ANN)
    db.wait()
    db.dequeue("b", manager=ANN)
    assert select_active_workers(db.tables, db.now) == [
        ActiveWorker(ANN, 3, Instant(1), Instant(2), ("a", "b")),
        ActiveWorker(BOB, 1, Instant(1), Instant(1), ("c",)),
    ]
    db.finish(1, 2, 3)
    assert [each.queue_manager_id for each in select_active_workers(db.tables, db.now)] == [BOB]


# --- the log ---


def test_the_log_keeps_every_status_in_the_order_they_came(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.finish(1, status="exception")
    rows = select_queue_log(db.tables, db.now)
    assert [(row.id, row.job_id, row.status) for row in rows] == [
        (1, 1, "queued"),
        (2, 2, "queued"),
        (3, 1, "picked"),
        (4, 1, "exception"),
    ]


def test_the_latest_status_of_each_job_comes_by_job(db: Workbench) -> None:
    db.enqueue(new(), new(), new())
    db.finish(3, 1)
    known = select_job_status(db.tables, db.now, [JobId(job) for job in (9, 3, 2, 1, 1)])
    assert known == [(1, "successful"), (2, "queued"), (3, "successful")]


def test_a_job_truncated_away_keeps_its_latest_status_until_the_log_is_cleared(
    db: Workbench,
) -> None:
    db.enqueue(new())
    db.run(decide_clear_queue, None)
    assert select_job_status(db.tables, db.now, [JobId(1)]) == [(1, "queued")]
    db.run(decide_clear_log, None)
    assert select_job_status(db.tables, db.now, [JobId(1)]) == []


def test_the_history_of_a_job_begins_with_its_oldest_row(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.retry(2)
    db.finish(2)

    def history(limit: int) -> list[Status]:
        return [r.status for r in select_job_log_history(db.tables, db.now, JobId(2), limit)]

    assert history(9) == ["queued", "queued", "successful"]
    assert history(1) == ["queued"]
    assert history(0) == []
    db.run(decide_clear_log, ["a"])
    assert history(9) == []


def test_a_history_goes_on_after_it_was_read(db: Workbench) -> None:
    db.enqueue(new())
    for length in (1, 2, 3):
        rows = select_job_log_history(db.tables, db.now, JobId(1), 9)
        assert len(rows) == length
        db.run(decide_aggregate)
        db.retry(1)


def test_exceptions_come_newest_first(db: Workbench) -> None:
    for job in (1, 2, 3):
        db.enqueue(new())
        db.finish(job, status="exception" if job != 2 else "successful")
        db.wait()
    rows = select_exception_logs(db.tables, db.now, 9)
    assert [row.job_id for row in rows] == [3, 1]
    assert [row.job_id for row in select_exception_logs(db.tables, db.now, 1)] == [3]


def test_what_no_statistics_count_yet_is_counted(db: Workbench) -> None:
    db.enqueue(new("a"), new("b"))
    assert select_unaggregated_log_count(db.tables, db.now) == 2
    db.run(decide_aggregate)
    db.enqueue(new("a"))
    assert select_unaggregated_log_count(db.tables, db.now) == 1
    db.run(decide_clear_log, ["b"])
    assert select_unaggregated_log_count(db.tables, db.now) == 1


def work(db: Workbench, entrypoint: str, *lengths: int, status: Status = "successful") -> None:
    """Run one job of each length, in microseconds."""
    for length in lengths:
        (job,) = db.enqueue(new(entrypoint))
        assert job is not None
        db.wait()
        db.dequeue(entrypoint)
        db.wait(length)
        db.finish(job, status=status)


def test_percentiles_lie_between_the_lengths_around_them(db: Workbench) -> None:
    work(db, "a", 4 * SECOND, SECOND, 3 * SECOND, 2 * SECOND)
    (durations,) = select_job_duration_percentiles(db.tables, db.now, ALWAYS)
    assert durations == JobDurations("a", 4, 2.5, 3.8499999999999996, 3.9699999999999998, 4.0)


def test_the_entrypoint_with_the_slowest_p95_comes_first(db: Workbench) -> None:
    for name, seconds in (("a", 1), ("b", 3), ("c", 2)):
        work(db, name, seconds * SECOND)
    found = select_job_duration_percentiles(db.tables, db.now, ALWAYS)
    assert [(each.entrypoint, each.max_seconds) for each in found] == [
        ("b", 3.0),
        ("c", 2.0),
        ("a", 1.0),
    ]


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ("successful", True),
        ("exception", True),
        ("canceled", True),
        ("failed", True),
        ("deleted", False),
    ],
)
def test_a_length_ends_with_the_end_of_a_job(
    db: Workbench,
    status: Status,
    counted: bool,  # noqa: FBT001
) -> None:
    work(db, "a", 5, status=status)
    assert bool(select_job_duration_percentiles(db.tables, db.now, ALWAYS)) == counted


def test_a_job_that_was_retried_or_never_picked_has_no_length(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.wait()
    db.dequeue("a", batch=1)
    db.retry(1)
    db.finish(1, 2)
    assert select_job_duration_percentiles(db.tables, db.now, ALWAYS) == []


def test_a_job_picked_before_the_window_has_no_length_in_it(db: Workbench) -> None:
    work(db, "a", 10)
    assert select_job_duration_percentiles(db.tables, db.now, Duration(10)) == []
    assert len(select_job_duration_percentiles(db.tables, db.now, Duration(11))) == 1


# --- statistics ---


def test_statistics_come_newest_first_within_the_window(db: Workbench) -> None:
    for _ in range(3):
        db.enqueue(new())
        db.run(decide_aggregate)
        db.wait(SECOND)

    def seconds(limit: int | None, last: int | None) -> list[int]:
        window = None if last is None else Duration(last)
        rows = select_log_statistics(db.tables, db.now, limit, window)
        return [row.created // SECOND for row in rows]

    assert seconds(None, None) == [2, 1, 0]
    assert seconds(2, None) == [2, 1]
    assert seconds(None, 2 * SECOND) == [2]
    assert seconds(None, 2 * SECOND + 1) == [2, 1]


def test_totals_come_by_entrypoint_and_status_as_declared(db: Workbench) -> None:
    db.enqueue(new("b"), new("a", 1), new("a", 2))
    db.run(decide_log_jobs, [(1, "failed", None), (2, "canceled", None), (3, "exception", None)])
    db.run(decide_aggregate)
    db.wait(SECOND)
    db.enqueue(new("a"))
    db.run(decide_aggregate)
    assert select_throughput_summary(db.tables, db.now, None) == [
        Throughput("a", "queued", 3),
        Throughput("a", "exception", 1),
        Throughput("a", "canceled", 1),
        Throughput("b", "queued", 1),
        Throughput("b", "failed", 1),
    ]
    assert select_throughput_summary(db.tables, db.now, Duration(SECOND)) == [
        Throughput("a", "queued", 1)
    ]


def test_totals_of_each_minute_come_by_minute(db: Workbench) -> None:
    for _ in range(3):
        db.enqueue(new())
        db.wait(MINUTE // 2)
    db.run(decide_aggregate)
    assert select_throughput_timeseries(db.tables, db.now, ALWAYS) == [
        ThroughputBucket(Instant(0), "a", "queued", 2),
        ThroughputBucket(Instant(MINUTE), "a", "queued", 1),
    ]
    recent = select_throughput_timeseries(db.tables, db.now, Duration(MINUTE))
    assert [each.bucket for each in recent] == [MINUTE]


# --- schedules and sizes ---


def test_schedules_come_by_their_last_run_and_those_that_never_ran_last(db: Workbench) -> None:
    names = [("* * * * *", name, Duration(0)) for name in "stu"]
    db.run(decide_insert_schedules, names)
    for schedule in (3, 2):
        db.wait()
        db.run(decide_fetch_schedules, names)
        db.run(decide_release_schedules, [schedule])
    assert [row.id for row in select_peek_schedule(db.tables, db.now)] == [3, 2, 1]


def test_a_run_at_the_first_instant_is_a_run(db: Workbench) -> None:
    db.run(decide_insert_schedules, [("* * * * *", name, Duration(0)) for name in "st"])
    db.run(decide_release_schedules, [2])
    assert [row.id for row in select_peek_schedule(db.tables, db.now)] == [2, 1]


def test_tables_come_by_name_with_their_sizes(db: Workbench) -> None:
    db.enqueue(new(), new())
    db.finish(1)
    db.run(decide_aggregate)
    assert select_table_sizes(db.tables, db.now) == [
        ("pgqueuer", 1),
        ("pgqueuer_log", 3),
        ("pgqueuer_schedules", 0),
        ("pgqueuer_statistics", 2),
    ]


def test_managers_sort_as_uuids_do(db: Workbench) -> None:
    managers = [ManagerId(f"{digit}0000000-0000-0000-0000-000000000000") for digit in "f09a"]
    db.enqueue(*[new()] * 4)
    db.wait()
    for manager in managers:
        db.dequeue("a", batch=1, manager=manager)
    workers = select_active_workers(db.tables, db.now)
    assert [worker.queue_manager_id[0] for worker in workers] == ["0", "9", "a", "f"]
