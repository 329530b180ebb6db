"""Statements about picked jobs, and those of operators: log, retry, beat, re-queue, clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simqueue.model.events import (
    DatabaseDropped,
    IdsBurned,
    JobDeleted,
    JobLogged,
    JobRequeued,
    JobRetried,
    JobsBeat,
    LogCleared,
    LogsAggregated,
    NotificationSent,
    QueueTruncated,
    ServerCrashed,
    StatisticsCleared,
    StoreEvent,
    TableChanged,
)
from simqueue.model.ids import Duration, Instant, JobId, Status
from simqueue.store.enqueueing import duplicate_key
from simqueue.store.locks import ADVISORY, Resource
from simqueue.store.rejecting import (
    check_instant,
    check_json,
    check_notification,
    check_status,
    check_text,
)
from simqueue.store.tables import Tables

Finished = tuple[JobId, Status, str | None]
"""A job, the status it reached, and the traceback as JSON text."""


def decide_log_jobs(tables: Tables, now: Instant, finished: Sequence[Finished]) -> list[StoreEvent]:
    """Log jobs and take them out of the queue, or hold them where the status is ``failed``.

    Any worker may log any job; one without a row is passed over. The trigger fires even then.
    A job named twice is logged twice, the later entry first: PostgreSQL hashes the entries.
    """
    check_json(traceback for _, _, traceback in finished)
    for _, status, _ in finished:
        check_status(status)
    rows = tables.jobs.rows
    events: list[StoreEvent] = []
    for job, status, traceback in _later_first(finished):
        row = rows.get(job)
        if row is not None:
            events.append(JobLogged(job, status, row.entrypoint, row.priority, traceback))
    events.append(TableChanged("delete"))
    return events


def _later_first(finished: Sequence[Finished]) -> Sequence[Finished]:
    """Return the entries, those of a job that has several reversed among themselves."""
    by_job: dict[JobId, list[Finished]] = {}
    for entry in finished:
        by_job.setdefault(entry[0], []).append(entry)
    if len(by_job) == len(finished):
        return finished
    return [entry for entries in by_job.values() for entry in reversed(entries)]


def decide_retry(
    tables: Tables, now: Instant, job: JobId, delay: Duration, traceback: str | None
) -> list[StoreEvent]:
    """Queue a job again, due after ``delay``. No listener is notified, since it is an UPDATE.

    Raises:
        Rejection: the job was held and another live one has its dedupe key by now.
    """
    check_json((traceback,))
    if job not in tables.jobs.rows:
        return []
    due = check_instant(tables.names, now + delay)
    _check_keys(tables, [job])
    return [JobRetried(job, due, traceback)]


def decide_requeue(tables: Tables, now: Instant, ids: Iterable[JobId]) -> list[StoreEvent]:
    """Queue held jobs again; others stay as they are.

    Raises:
        Rejection: two of them, or one of them and a live job, have one dedupe key.
    """
    rows = tables.jobs.rows
    held = [job for job in sorted(set(ids)) if job in rows and rows[job].status == "failed"]
    _check_keys(tables, held)
    return [JobRequeued(job) for job in held]


def _check_keys(tables: Tables, jobs: Iterable[JobId]) -> None:
    taken: dict[str, JobId] = {}
    met: list[Resource] = []
    for logged, job in enumerate(jobs):
        met.append(("job", job))
        key = tables.jobs.rows[job].dedupe_key
        if key is None:
            continue
        met.append(("dedupe_key", key))
        holder = taken.get(key) or tables.jobs.live_keys.get(key)
        if holder is not None and holder != job:
            # Those before it have been logged when the statement fails, row by row.
            leaves = (IdsBurned("log", logged),) if logged else ()
            raise duplicate_key(tables, met, leaves)
        taken[key] = job


def decide_heartbeat(tables: Tables, now: Instant, ids: Iterable[JobId]) -> list[StoreEvent]:
    """Set heartbeats to now, whichever manager holds the jobs."""
    beating = tuple(job for job in sorted(set(ids)) if job in tables.jobs.rows)
    return [JobsBeat(beating)] if beating else []


def decide_clear_queue(
    tables: Tables, now: Instant, entrypoints: Iterable[str] | None
) -> list[StoreEvent]:
    """Delete the jobs of these entrypoints and log them; None truncates, which logs nothing."""
    if entrypoints is None:
        return [QueueTruncated(), TableChanged("truncate")]
    gone = set(entrypoints)
    check_text(gone)
    jobs = sorted(job for lane in tables.jobs.lanes_of(gone) for job in lane)
    return [*map(JobDeleted, jobs), TableChanged("delete")]


def decide_aggregate(tables: Tables, now: Instant, *, guarded: bool = False) -> list[StoreEvent]:
    """Add log rows that are not yet counted to the statistics.

    A ``guarded`` statement does nothing while another guarded one has not committed yet; rows that
    two other statements see are counted twice.
    """
    if guarded and ADVISORY in tables.locks:
        return []
    count = tables.log.unaggregated
    return [LogsAggregated(count)] if count else []


def decide_clear_log(
    tables: Tables, now: Instant, entrypoints: Sequence[str] | None
) -> list[StoreEvent]:
    """Delete log rows."""
    check_text(entrypoints or ())
    return [LogCleared(None if entrypoints is None else tuple(entrypoints))]


def decide_clear_statistics(
    tables: Tables, now: Instant, entrypoints: Sequence[str] | None
) -> list[StoreEvent]:
    """Delete statistics."""
    check_text(entrypoints or ())
    return [StatisticsCleared(None if entrypoints is None else tuple(entrypoints))]


def decide_notify(tables: Tables, now: Instant, channel: str, payload: str) -> list[StoreEvent]:
    """Send a notification.

    Raises:
        Rejection: the channel's name or the payload is too long.
    """
    check_notification(channel, payload)
    return [NotificationSent(channel, payload)]


def decide_crash(tables: Tables, now: Instant) -> list[StoreEvent]:
    """Crash and recover: only rows covered by the write-ahead log are restored."""
    return [ServerCrashed(tables.names.unlogged)]


def decide_drop(tables: Tables, now: Instant) -> list[StoreEvent]:
    """Uninstall: empty everything."""
    return [DatabaseDropped()]
