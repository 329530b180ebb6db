"""Reads: what the queries of the queue, schedule and insights ports select, and in which order.

Where SQL leaves an order open, rows come by id. Instants and durations are microseconds, ages and
percentiles seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from simqueue.model.ids import (
    MICROSECONDS,
    STATUS_ORDER,
    Duration,
    Instant,
    JobId,
    ManagerId,
    Status,
)
from simqueue.model.rows import JobRow, LogRow, ScheduleRow, StatisticsRow
from simqueue.store.tables import Tables

MINUTE_US = 60 * MICROSECONDS
_DURATION_ENDS: frozenset[Status] = frozenset(("successful", "exception", "canceled", "failed"))


class QueueSize(msgspec.Struct, frozen=True):
    """How many jobs of one entrypoint and priority have one status."""

    count: int
    entrypoint: str
    priority: int
    status: Status


class QueueAge(msgspec.Struct, frozen=True):
    """How long an entrypoint's queued jobs have been waiting."""

    entrypoint: str
    queued_count: int
    oldest_created: Instant
    oldest_age_seconds: float
    avg_age_seconds: float


class JobDurations(msgspec.Struct, frozen=True):
    """How long an entrypoint's jobs ran, from pick to end."""

    entrypoint: str
    completed: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    max_seconds: float


class Throughput(msgspec.Struct, frozen=True):
    """How many log rows of one entrypoint have one status."""

    entrypoint: str
    status: Status
    total_count: int


class ThroughputBucket(msgspec.Struct, frozen=True):
    """The same within one minute."""

    bucket: Instant
    entrypoint: str
    status: Status
    count: int


class ActiveWorker(msgspec.Struct, frozen=True):
    """A manager that holds picked jobs."""

    queue_manager_id: ManagerId
    active_jobs: int
    oldest_heartbeat: Instant
    newest_heartbeat: Instant
    entrypoints: tuple[str, ...]


# --- what a queue manager asks in its loop ---


def select_queued_work(tables: Tables, now: Instant, entrypoints: Iterable[str]) -> int:
    """Return 1 if any job of these entrypoints is queued, else 0: the statement stops counting at 1."""
    backlogs = tables.jobs.backlogs
    return int(any(len(backlogs[name]) for name in entrypoints if name in backlogs))


def select_eligible_queued_work(tables: Tables, now: Instant, entrypoints: Iterable[str]) -> int:
    """Return 1 if any job of these entrypoints is queued with ``execute_after <= now``, else 0."""
    backlogs = tables.jobs.backlogs
    return int(any(backlogs[name].has_eligible(now) for name in entrypoints if name in backlogs))


def select_next_deferred_eta(
    tables: Tables, now: Instant, entrypoints: Iterable[str]
) -> Duration | None:
    """Return how long until the first job of these entrypoints with ``execute_after > now``, or None."""
    backlogs = tables.jobs.backlogs
    moments = [backlogs[name].next_after(now) for name in entrypoints if name in backlogs]
    return min((Duration(moment - now) for moment in moments if moment is not None), default=None)


# --- the queue ---


def select_queue_size(tables: Tables, now: Instant) -> list[QueueSize]:
    """Return counts by count, entrypoint, priority and status."""
    sizes = [
        QueueSize(count, entrypoint, priority, status)
        for (entrypoint, priority, status), count in tables.jobs.sizes.items()
    ]
    return sorted(sizes, key=lambda s: (s.count, s.entrypoint, s.priority, STATUS_ORDER[s.status]))


def select_job(tables: Tables, now: Instant, job: JobId) -> JobRow | None:
    """Return a job's row, or None."""
    return tables.jobs.rows.get(job)


def select_failed_jobs(
    tables: Tables, now: Instant, limit: int, order: Literal["ASC", "DESC"]
) -> list[JobRow]:
    """Return held jobs by creation."""
    rows = [tables.jobs.rows[job] for job in tables.jobs.failed]
    rows.sort(key=lambda row: (row.created, row.id), reverse=order == "DESC")
    return rows[:limit]


def select_queue_page(
    tables: Tables,
    now: Instant,
    limit: int,
    offset: int,
    statuses: Sequence[str] | None,
    entrypoints: Sequence[str] | None,
) -> list[JobRow]:
    """Return jobs of these statuses and entrypoints, most urgent first, then oldest."""
    rows = [
        row
        for row in tables.jobs.rows.values()
        if (statuses is None or row.status in statuses)
        and (entrypoints is None or row.entrypoint in entrypoints)
    ]
    rows.sort(key=lambda row: (-row.priority, row.id))
    return rows[offset : offset + limit]


def select_stale_jobs(
    tables: Tables, now: Instant, threshold: Duration, limit: int
) -> list[JobRow]:
    """Return picked jobs silent for longer than ``threshold``, the longest silent first."""
    return list(tables.jobs.silent_since(Instant(now - threshold)))[:limit]


def select_queue_age(tables: Tables, now: Instant) -> list[QueueAge]:
    """Return ages of queued jobs by entrypoint."""
    created: dict[str, list[Instant]] = {}
    for row in tables.jobs.rows.values():
        if row.status == "queued":
            created.setdefault(row.entrypoint, []).append(row.created)
    return [
        QueueAge(
            entrypoint,
            len(moments),
            min(moments),
            (now - min(moments)) / MICROSECONDS,
            sum(now - moment for moment in moments) / len(moments) / MICROSECONDS,
        )
        for entrypoint, moments in sorted(created.items())
    ]


def select_active_workers(tables: Tables, now: Instant) -> list[ActiveWorker]:
    """Return the managers that hold picked jobs, by id."""
    workers = []
    for manager in tables.jobs.managers():
        rows = [tables.jobs.rows[job] for job in tables.jobs.held_by(manager)]
        if rows:
            beats = [row.heartbeat for row in rows]
            names = tuple(sorted({row.entrypoint for row in rows}))
            workers.append(ActiveWorker(manager, len(rows), min(beats), max(beats), names))
    return workers


# --- the log ---


def select_queue_log(tables: Tables, now: Instant) -> list[LogRow]:
    """Return every log row."""
    return list(tables.log.rows.values())


def select_job_status(
    tables: Tables, now: Instant, ids: Iterable[JobId]
) -> list[tuple[JobId, Status]]:
    """Return the latest status of each job that was ever logged, by job."""
    found = ((job, tables.log.last_status(job)) for job in sorted(set(ids)))
    return [(job, status) for job, status in found if status is not None]


def select_job_history(tables: Tables, now: Instant, job: JobId, limit: int) -> list[LogRow]:
    """Return a job's log rows, oldest first."""
    return tables.log.of_job(job)[:limit]


def select_exception_logs(tables: Tables, now: Instant, limit: int) -> list[LogRow]:
    """Return the log rows of exceptions, newest first."""
    return tables.log.exceptions()[::-1][:limit]


def select_unaggregated_count(tables: Tables, now: Instant) -> int:
    """Return how many log rows no statistics count yet."""
    return len(tables.log.fresh)


def select_job_durations(tables: Tables, now: Instant, last: Duration) -> list[JobDurations]:
    """Return how long jobs ran that were picked and ended within ``last``, slowest p95 first."""
    lengths: dict[str, list[float]] = {}
    rows = sorted(tables.log.since(Instant(now - last)), key=lambda row: row.job_id)
    for _, group in groupby(rows, key=lambda row: row.job_id):
        history = list(group)
        for before, row in zip(history, history[1:], strict=False):
            if before.status == "picked" and row.status in _DURATION_ENDS:
                seconds = (row.created - before.created) / MICROSECONDS
                lengths.setdefault(row.entrypoint, []).append(seconds)
    durations = [_durations(name, sorted(values)) for name, values in sorted(lengths.items())]
    return sorted(durations, key=lambda each: -each.p95_seconds)


def _durations(entrypoint: str, ordered: list[float]) -> JobDurations:
    p50, p95, p99 = (_percentile(ordered, fraction) for fraction in (0.5, 0.95, 0.99))
    return JobDurations(entrypoint, len(ordered), p50, p95, p99, ordered[-1])


def _percentile(ordered: list[float], fraction: float) -> float:
    """Interpolate as ``percentile_cont`` does."""
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


# --- statistics ---


def select_log_statistics(
    tables: Tables, now: Instant, limit: int | None, last: Duration | None
) -> list[StatisticsRow]:
    """Return statistics rows within ``last``, the newest id first."""
    rows = [row for row in tables.statistics.rows.values() if _within(row, now, last)]
    return sorted(rows, key=lambda row: -row.id)[:limit]


def select_throughput(tables: Tables, now: Instant, last: Duration | None) -> list[Throughput]:
    """Return totals within ``last`` by entrypoint and status."""
    totals: dict[tuple[str, Status], int] = {}
    for row in tables.statistics.rows.values():
        if _within(row, now, last):
            key = (row.entrypoint, row.status)
            totals[key] = totals.get(key, 0) + row.count
    ordered = sorted(totals.items(), key=lambda item: (item[0][0], STATUS_ORDER[item[0][1]]))
    return [Throughput(name, status, count) for (name, status), count in ordered]


def select_throughput_timeseries(
    tables: Tables, now: Instant, last: Duration
) -> list[ThroughputBucket]:
    """Return totals within ``last`` by minute."""
    totals: dict[tuple[Instant, str, Status], int] = {}
    for row in tables.statistics.rows.values():
        if _within(row, now, last):
            minute = Instant(row.created - row.created % MINUTE_US)
            key = (minute, row.entrypoint, row.status)
            totals[key] = totals.get(key, 0) + row.count
    return [ThroughputBucket(*key, count) for key, count in sorted(totals.items())]


def _within(row: StatisticsRow, now: Instant, last: Duration | None) -> bool:
    return last is None or row.created > now - last


# --- schedules and sizes ---


def select_schedules(tables: Tables, now: Instant) -> list[ScheduleRow]:
    """Return schedules by their last run, those that never ran last."""
    rows = tables.schedules.rows.values()
    return sorted(rows, key=lambda row: (row.last_run is None, row.last_run or 0, row.id))


def select_table_sizes(tables: Tables, now: Instant) -> list[tuple[str, int]]:
    """Return each table's name and number of rows, by name."""
    names = tables.names
    return sorted(
        (
            (names.queue_table, len(tables.jobs.rows)),
            (names.queue_table_log, len(tables.log.rows)),
            (names.statistics_table, len(tables.statistics.rows)),
            (names.schedules_table, len(tables.schedules.rows)),
        )
    )
