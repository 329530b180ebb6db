from __future__ import annotations

from collections.abc import Callable

import pytest
from workbench import ANN, SECOND, Workbench, as_client, new

from simqueue.errors import PostgresError
from simqueue.model.ids import Duration, JobId
from simqueue.store import (
    Claim,
    decide_clear_log,
    decide_clear_queue,
    decide_clear_statistics,
    decide_delete_schedules,
    decide_dequeue,
    decide_enqueue,
    decide_fetch_schedules,
    decide_insert_schedules,
    decide_log_jobs,
    decide_notify,
    decide_retry,
    select_browse_queue,
    select_eligible_queued_work,
    select_exception_logs,
    select_job_duration_percentiles,
    select_job_log_history,
    select_list_failed_jobs,
    select_log_statistics,
    select_next_deferred_eta,
    select_queued_work,
    select_stale_jobs,
    select_throughput_summary,
    select_throughput_timeseries,
    snapshot,
)
from simqueue.store.enqueueing import NewJob

AGES = Duration(10**9 * 86_400 * SECOND)
NUL = '{"message": "\\u0000"}'
ESCAPED = '{"message": "\\\\u0000"}'


def with_headers(headers: str) -> NewJob:
    return NewJob("a", None, 0, Duration(0), None, headers)


Work = Callable[[Workbench], object]

REFUSED: dict[str, tuple[str, Work]] = {
    "a NUL in an entrypoint": ("22021", lambda db: db.enqueue(new("a\0"))),
    "a NUL in a key": ("22021", lambda db: db.enqueue(new(key="\0"))),
    "a NUL in an entrypoint to clear": ("22021", lambda db: db.run(decide_clear_queue, ["\0"])),
    "a NUL in a schedule": (
        "22021",
        lambda db: db.run(decide_insert_schedules, [("* * * * *", "s\0", Duration(0))]),
    ),
    "a NUL in a payload": ("22021", lambda db: db.run(decide_notify, "channel", "\0")),
    "a NUL in headers": ("22P05", lambda db: db.enqueue(with_headers(NUL))),
    "a NUL in a traceback": ("22P05", lambda db: db.run(decide_log_jobs, [(1, "failed", NUL)])),
    "the same of a job that is gone": ("22P05", lambda db: db.run(decide_retry, 9, 0, NUL)),
    "a retry in ages": ("22008", lambda db: db.retry(1, AGES)),
    "a timeout of ages": ("22008", lambda db: db.dequeue("a", timeout=AGES)),
    "a threshold of ages": ("22008", lambda db: select_stale_jobs(db.tables, db.now, AGES, 1)),
    "durations of ages": (
        "22008",
        lambda db: select_job_duration_percentiles(db.tables, db.now, AGES),
    ),
    "totals of ages": ("22008", lambda db: select_throughput_summary(db.tables, db.now, AGES)),
    "a series of ages": ("22008", lambda db: select_throughput_timeseries(db.tables, db.now, AGES)),
    "half a character": ("22000", lambda db: db.enqueue(new("a\ud800"))),
    "half a character in a payload": (
        "22000",
        lambda db: db.run(decide_notify, "channel", "\udce9"),
    ),
    "a NUL in what is asked about": (
        "22021",
        lambda db: select_queued_work(db.tables, db.now, ["\0"]),
    ),
    "in what is due": (
        "22021",
        lambda db: select_eligible_queued_work(db.tables, db.now, ["\0"]),
    ),
    "in what is deferred": (
        "22021",
        lambda db: select_next_deferred_eta(db.tables, db.now, ["\0"]),
    ),
    "in what is claimed": ("22021", lambda db: db.dequeue("\0")),
    "in a log to clear": ("22021", lambda db: db.run(decide_clear_log, ["\0"])),
    "in statistics to clear": ("22021", lambda db: db.run(decide_clear_statistics, ["\0"])),
    "in schedules to claim": (
        "22021",
        lambda db: db.run(decide_fetch_schedules, [("* * * * *", "s\0", Duration(0))]),
    ),
    "in schedules to delete": ("22021", lambda db: db.run(decide_delete_schedules, [], ["\0"])),
    "in a page": (
        "22021",
        lambda db: select_browse_queue(db.tables, db.now, 1, 0, None, ["\0"]),
    ),
    "a page of a status with a NUL": (
        "22021",
        lambda db: select_browse_queue(db.tables, db.now, 1, 0, ["lo\0st"], None),
    ),
    "a status there is not": ("22P02", lambda db: db.run(decide_log_jobs, [(1, "lost", None)])),
    "no channel": ("22023", lambda db: db.run(decide_notify, "", "payload")),
    "a long channel": ("22023", lambda db: db.run(decide_notify, "c" * 64, "payload")),
    "a long payload": ("22023", lambda db: db.run(decide_notify, "channel", "x" * 8_000)),
    "a payload of many bytes": ("22023", lambda db: db.run(decide_notify, "channel", "é" * 4_000)),
    "a negative limit of held jobs": (
        "2201W",
        lambda db: select_list_failed_jobs(db.tables, db.now, -1, "ASC"),
    ),
    "of stale jobs": (
        "2201W",
        lambda db: select_stale_jobs(db.tables, db.now, Duration(0), -1),
    ),
    "of exceptions": ("2201W", lambda db: select_exception_logs(db.tables, db.now, -1)),
    "of a history": (
        "2201W",
        lambda db: select_job_log_history(db.tables, db.now, JobId(1), -1),
    ),
    "of statistics": ("2201W", lambda db: select_log_statistics(db.tables, db.now, -1, None)),
    "of a page": (
        "2201W",
        lambda db: select_browse_queue(db.tables, db.now, -1, 0, None, None),
    ),
    "a negative offset": (
        "2201X",
        lambda db: select_browse_queue(db.tables, db.now, -1, -1, None, None),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_server_refuses(db: Workbench, what: str) -> None:
    sqlstate, work = REFUSED[what]
    db.enqueue(new())
    before = snapshot(db.tables)
    with pytest.raises(PostgresError) as caught, as_client():
        work(db)
    assert caught.value.sqlstate == sqlstate
    assert snapshot(db.tables) == before


def test_a_page_of_a_status_that_there_is_not_is_empty(db: Workbench) -> None:
    db.enqueue(new())
    assert select_browse_queue(db.tables, db.now, 1, 0, ["lost"], None) == []


def test_a_first_run_in_ages_is_refused_but_the_ids_up_to_it_are_drawn(db: Workbench) -> None:
    first, impossible = ("* * * * *", "s", Duration(0)), ("* * * * *", "t", AGES)
    with pytest.raises(PostgresError) as caught:
        db.run(decide_insert_schedules, [first, impossible, first])
    assert caught.value.sqlstate == "22008"
    assert (db.tables.schedules.rows, db.tables.schedules.next_id) == ({}, 3)


def test_an_escaped_backslash_before_u0000_is_no_nul(db: Workbench) -> None:
    db.enqueue(with_headers(ESCAPED))
    assert db.row(1).headers == ESCAPED


def test_the_longest_names_and_payloads_that_fit_are_sent(db: Workbench) -> None:
    assert len(db.run(decide_notify, "c" * 63, "x" * 7_999)) == 1


@pytest.mark.parametrize("delay", [AGES, -AGES])
@pytest.mark.parametrize(("at", "burned"), [(0, 1), (1, 3), (2, 3)])
def test_a_delay_of_ages_burns_ids(db: Workbench, delay: int, at: int, burned: int) -> None:
    batch = [new(), new(), new()]
    batch[at] = new(delay=delay)
    with pytest.raises(PostgresError, match="out of range") as caught:
        db.run(decide_enqueue, batch, "raise")
    assert caught.value.sqlstate == "22008"
    assert db.enqueue(new()) == [1 + burned]


def test_a_retry_of_a_job_that_is_gone_has_no_timestamp_to_refuse(db: Workbench) -> None:
    assert db.run(decide_retry, 9, AGES, None) == []


def test_a_worker_without_headroom_is_refused_too(db: Workbench) -> None:
    with pytest.raises(PostgresError), as_client():
        decide_dequeue(
            db.tables,
            db.now,
            Claim(1, {"a": 0}, ANN, worker_limit=0, heartbeat_timeout=AGES),
        )


def test_a_next_run_in_ages_refuses_the_claim_of_a_schedule_that_is_due(db: Workbench) -> None:
    name = ("* * * * *", "s")
    db.run(decide_insert_schedules, [(*name, Duration(0))])
    db.wait(SECOND)
    before = snapshot(db.tables)
    with pytest.raises(PostgresError) as caught:
        db.run(decide_fetch_schedules, [(*name, AGES)])
    assert caught.value.sqlstate == "22008"
    assert snapshot(db.tables) == before
    # Nobody computes the next run of one that is not due.
    db.run(decide_insert_schedules, [("@daily", "t", Duration(10 * SECOND))])
    assert db.run(decide_fetch_schedules, [("@daily", "t", AGES)]) == []
