"""Reads: the results of the queries of the queue, schedule and insights ports, in order.

Where SQL leaves an order open, rows come by id. Instants and durations are microseconds, ages and
percentiles seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import groupby, islice, pairwise
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
from simqueue.store.rejecting import check_instant, check_page, check_text
from simqueue.store.tables import Tables

MINUTE = Duration(60 * MICROSECONDS)
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


# --- queries of a queue manager's loop ---


def select_queued_work(tables: Tables, now: Instant, entrypoints: Sequence[str]) -> int:
    """Return 1 if any job of these entrypoints is queued, else 0: the query stops counting at 1.

    In old releases it goes on counting.
    """
    check_text(entrypoints)
    lanes = tables.jobs.lanes_of(set(entrypoints))
    if tables.semantics.counts_all:
        return sum(len(lane.queued) for lane in lanes)
    return int(any(len(lane.queued) for lane in lanes))


def select_eligible_queued_work(tables: Tables, now: Instant, entrypoints: Sequence[str]) -> int:
    """Return 1 if any job of these entrypoints is queued with ``execute_after <= now``, else 0."""
    check_text(entrypoints)
    rows, lanes = tables.jobs.rows, tables.jobs.lanes_of(entrypoints)
    return int(any(lane.queued.any_until(now, rows) for lane in lanes))


def select_next_deferred_eta(
    tables: Tables, now: Instant, entrypoints: Sequence[str]
) -> Duration | None:
    """Return how long until the first ``execute_after > now`` of these entrypoints, or None."""
    check_text(entrypoints)
    rows, lanes = tables.jobs.rows, tables.jobs.lanes_of(entrypoints)
    moments = (lane.queued.next_after(now, rows) for lane in lanes)
    return min((Duration(moment - now) for moment in moments if moment is not None), default=None)


# --- the queue ---


def select_queue_size(tables: Tables, now: Instant) -> list[QueueSize]:
    """Return counts by count, entrypoint, priority and status."""
    sizes = [
        QueueSize(count, entrypoint, priority, status)
        for entrypoint, lane in tables.jobs.lanes.items()
        for status, sizes in lane.sizes.items()
        for priority, count in sizes.items()
    ]
    return sorted(sizes, key=lambda s: (s.count, s.entrypoint, s.priority, STATUS_ORDER[s.status]))


def select_queue_job_by_id(tables: Tables, now: Instant, job: JobId) -> JobRow | None:
    """Return a job's row, or None."""
    return tables.jobs.rows.get(job)


def select_list_failed_jobs(
    tables: Tables, now: Instant, limit: int, order: Literal["ASC", "DESC"]
) -> list[JobRow]:
    """Return held jobs by creation."""
    check_page(limit)
    rows = (tables.jobs.rows[job] for job in tables.jobs.failed())
    choose = heapq.nlargest if order == "DESC" else heapq.nsmallest
    return choose(limit, rows, key=lambda row: (row.created, row.id))


def select_browse_queue(  # noqa: PLR0917 - as PgQueuer asks
    tables: Tables,
    now: Instant,
    limit: int,
    offset: int,
    statuses: Sequence[str] | None,
    entrypoints: Sequence[str] | None,
) -> list[JobRow]:
    """Return jobs of these statuses and entrypoints, most urgent first, then oldest."""
    check_page(limit, offset)
    check_text(entrypoints or ())
    check_text(statuses or ())
    rows = (
        row
        for row in tables.jobs.rows.values()
        if (statuses is None or row.status in statuses)
        and (entrypoints is None or row.entrypoint in entrypoints)
    )
    return heapq.nsmallest(offset + limit, rows, key=lambda row: (-row.priority, row.id))[offset:]


def select_stale_jobs(
    tables: Tables, now: Instant, threshold: Duration, limit: int
) -> list[JobRow]:
    """Return picked jobs silent for longer than ``threshold``, the longest silent first."""
    check_page(limit)
    moment = check_instant(tables.names, now - threshold)
    rows = tables.jobs.rows
    silent = (
        rows[job]
        for lane in tables.jobs.lanes.values()
        for job in lane.picked.all_before(moment, rows)
    )
    return heapq.nsmallest(limit, silent, key=lambda row: (row.heartbeat, row.id))


def select_queue_age(tables: Tables, now: Instant) -> list[QueueAge]:
    """Return ages of queued jobs by entrypoint."""
    ages = []
    for entrypoint, lane in sorted(tables.jobs.lanes.items()):
        created = [tables.jobs.rows[job].created for job in lane.queued]
        if created:
            oldest, count = min(created), len(created)
            oldest_age = (now - oldest) / MICROSECONDS
            # Rounded once; PostgreSQL first rounds to some 16 digits, so a last bit may differ.
            average = (now * count - sum(created)) / (MICROSECONDS * count)
            ages.append(QueueAge(entrypoint, count, oldest, oldest_age, average))
    return ages


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
    statuses = ((job, tables.log.last_status(job)) for job in sorted(set(ids)))
    return [(job, status) for job, status in statuses if status is not None]


def select_job_log_history(tables: Tables, now: Instant, job: JobId, limit: int) -> list[LogRow]:
    """Return a job's log rows, oldest first."""
    check_page(limit)
    return tables.log.of_job(job, limit)


def select_exception_logs(tables: Tables, now: Instant, limit: int) -> list[LogRow]:
    """Return the log rows of exceptions, newest first."""
    check_page(limit)
    return list(islice(tables.log.exceptions(), limit))


def select_unaggregated_log_count(tables: Tables, now: Instant) -> int:
    """Return the number of log rows that are not yet counted in the statistics."""
    return tables.log.unaggregated


def select_job_duration_percentiles(
    tables: Tables, now: Instant, last: Duration
) -> list[JobDurations]:
    """Return how long jobs ran that were picked and ended within ``last``, slowest p95 first."""
    lengths: dict[str, list[float]] = {}
    rows = sorted(
        tables.log.since(check_instant(tables.names, now - last)), key=lambda row: row.job_id
    )
    for _, group in groupby(rows, key=lambda row: row.job_id):
        history = list(group)
        for before, row in pairwise(history):
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
    check_page(limit)
    rows = _recent(tables, now, last)
    return sorted(rows, key=lambda row: -row.id)[:limit]


def select_throughput_summary(
    tables: Tables, now: Instant, last: Duration | None
) -> list[Throughput]:
    """Return totals within ``last`` by entrypoint and status."""
    totals: dict[tuple[str, Status], int] = {}
    for row in _recent(tables, now, last):
        key = (row.entrypoint, row.status)
        totals[key] = totals.get(key, 0) + row.count
    ordered = sorted(totals.items(), key=lambda item: (item[0][0], STATUS_ORDER[item[0][1]]))
    return [Throughput(name, status, count) for (name, status), count in ordered]


def select_throughput_timeseries(
    tables: Tables, now: Instant, last: Duration
) -> list[ThroughputBucket]:
    """Return totals within ``last`` by minute."""
    totals: dict[tuple[Instant, str, Status], int] = {}
    for row in _recent(tables, now, last):
        minute = tables.names.truncate(row.created, MINUTE)
        key = (minute, row.entrypoint, row.status)
        totals[key] = totals.get(key, 0) + row.count
    return [ThroughputBucket(*key, count) for key, count in sorted(totals.items())]


def _recent(tables: Tables, now: Instant, last: Duration | None) -> list[StatisticsRow]:
    rows = tables.statistics.rows.values()
    if last is None:
        return list(rows)
    begin = check_instant(tables.names, now - last)
    return [row for row in rows if row.created > begin]


# --- schedules and sizes ---


def select_peek_schedule(tables: Tables, now: Instant) -> list[ScheduleRow]:
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
