"""The rows and index keys that an event touches, so that statements can lock and await them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simqueue.model import events as e
from simqueue.model.events import StoreEvent
from simqueue.model.ids import ScheduleId, Table
from simqueue.model.rows import JobRow
from simqueue.store.locks import Resource
from simqueue.store.tables import Tables

Touch = tuple[Resource, bool]
"""A resource, and whether it is locked until the commit; otherwise it is only waited for."""


def touches(tables: Tables, event: StoreEvent) -> Iterator[Touch]:
    """Yield the rows and unique keys that the server locks or looks up to apply ``event``."""
    toucher = _TOUCHERS.get(type(event))
    if toucher is not None:
        yield from toucher(tables, event)


def _inserts(tables: Tables, event: e.JobEnqueued) -> Iterator[Touch]:
    if event.dedupe_key is not None:
        yield ("dedupe_key", event.dedupe_key), True


def _meets(tables: Tables, event: e.JobDeduplicated) -> Iterator[Touch]:
    yield ("dedupe_key", event.dedupe_key), False


def _claims(tables: Tables, event: e.JobPicked) -> Iterator[Touch]:
    row = tables.jobs.rows[event.job_id]
    yield from _changes_row(row)
    if event.slot is not None:
        yield ("slot", (row.entrypoint, event.slot)), True


def _changes(tables: Tables, event: Any) -> Iterator[Touch]:
    row = tables.jobs.rows.get(event.job_id)
    if row is not None:
        yield from _changes_row(row)


def _revives(tables: Tables, event: e.JobRetried | e.JobRequeued) -> Iterator[Touch]:
    row = tables.jobs.rows[event.job_id]
    yield from _changes_row(row)
    if row.dedupe_key is not None:
        yield ("dedupe_key", row.dedupe_key), True


def _beats(tables: Tables, event: e.JobsBeat) -> Iterator[Touch]:
    for job in event.job_ids:
        yield from _changes_row(tables.jobs.rows[job])


def _changes_row(row: JobRow) -> Iterator[Touch]:
    """A changed row, and the entries that its old version has in unique indexes."""
    yield ("job", row.id), True
    if row.dedupe_key is not None and row.status != "failed":
        yield ("dedupe_key", row.dedupe_key), True
    if row.slot is not None and row.status == "picked":
        yield ("slot", (row.entrypoint, row.slot)), True


def _registers(tables: Tables, event: e.ScheduleInserted) -> Iterator[Touch]:
    yield ("schedule_name", (event.expression, event.entrypoint)), True


def _knows(tables: Tables, event: e.ScheduleKept) -> Iterator[Touch]:
    row = tables.schedules.rows[event.schedule_id]
    yield ("schedule_name", (row.expression, row.entrypoint)), False


def _changes_schedule(tables: Tables, event: Any) -> Iterator[Touch]:
    return _changes_schedules(tables, (event.schedule_id,))


def _beats_schedules(tables: Tables, event: e.SchedulesBeat) -> Iterator[Touch]:
    return _changes_schedules(tables, event.schedule_ids)


def _changes_schedules(tables: Tables, ids: tuple[ScheduleId, ...]) -> Iterator[Touch]:
    for number in ids:
        row = tables.schedules.rows[number]
        yield ("schedule", number), True
        yield ("schedule_name", (row.expression, row.entrypoint)), True


def _aggregates(tables: Tables, event: e.LogsAggregated) -> Iterator[Touch]:
    for bucket, _ in event.buckets or ():
        yield ("bucket", bucket), True
    for row in tables.log.fresh(event.below):
        yield ("log", row.id), True


def _clears_log(tables: Tables, event: e.LogCleared) -> Iterator[Touch]:
    for number in tables.log.of_entrypoints(event.entrypoints or (), event.below):
        yield ("log", number), True


def _clears_statistics(tables: Tables, event: e.StatisticsCleared) -> Iterator[Touch]:
    for bucket in tables.statistics.of_entrypoints(event.entrypoints or (), event.below):
        yield ("bucket", bucket), True


_TOUCHERS: dict[type, Callable[[Tables, Any], Iterator[Touch]]] = {
    e.JobEnqueued: _inserts,
    e.JobDeduplicated: _meets,
    e.JobReprioritized: _changes,
    e.JobPicked: _claims,
    e.JobLogged: _changes,
    e.JobRetried: _revives,
    e.JobRequeued: _revives,
    e.JobDeleted: _changes,
    e.JobsBeat: _beats,
    e.LogsAggregated: _aggregates,
    e.LogCleared: _clears_log,
    e.StatisticsCleared: _clears_statistics,
    e.ScheduleInserted: _registers,
    e.ScheduleKept: _knows,
    e.SchedulePicked: _changes_schedule,
    e.ScheduleReleased: _changes_schedule,
    e.SchedulesBeat: _beats_schedules,
    e.ScheduleDeleted: _changes_schedule,
}

_ALL: frozenset[Table] = frozenset(("queue", "log", "statistics", "schedules"))

_TRUNCATED: dict[type, Table] = {
    e.QueueTruncated: "queue",
    e.LogCleared: "log",
    e.StatisticsCleared: "statistics",
    e.SchedulesTruncated: "schedules",
}


def truncated(events: Iterable[StoreEvent]) -> frozenset[Table]:
    """Return the tables that the statement that decided ``events`` locks exclusively."""
    tables: set[Table] = set()
    for event in events:
        if isinstance(event, e.DatabaseDropped):
            return _ALL
        if type(event) in _TRUNCATED and getattr(event, "entrypoints", None) is None:
            tables.add(_TRUNCATED[type(event)])
    return frozenset(tables)


_QUEUE: frozenset[Table] = frozenset(("queue",))
_LOG: frozenset[Table] = frozenset(("log",))
_STATISTICS: frozenset[Table] = frozenset(("statistics",))
_SCHEDULES: frozenset[Table] = frozenset(("schedules",))
_NONE: frozenset[Table] = frozenset()

USES: dict[str, frozenset[Table]] = {
    **dict.fromkeys(
        (
            "clear_queue", "dequeue", "enqueue", "log_jobs", "mark_job_as_cancelled",
            "requeue_jobs", "retry_job",
        ),
        _QUEUE | _LOG,
    ),
    **dict.fromkeys(
        (
            "active_workers", "browse_queue", "eligible_queued_work", "list_failed_jobs",
            "next_deferred_eta", "queue_age", "queue_job_by_id", "queue_size", "queued_work",
            "stale_jobs", "truncate_queue", "update_heartbeat",
        ),
        _QUEUE,
    ),
    **dict.fromkeys(
        (
            "clear_queue_log", "exception_logs", "job_duration_percentiles", "job_log_history",
            "job_status", "queue_log", "truncate_queue_log", "unaggregated_log_count",
        ),
        _LOG,
    ),
    **dict.fromkeys(
        (
            "clear_statistics_log", "log_statistics", "throughput_summary",
            "throughput_timeseries", "truncate_statistics_log",
        ),
        _STATISTICS,
    ),
    **dict.fromkeys(
        (
            "clear_schedule", "delete_schedule", "fetch_schedule", "insert_schedule",
            "peek_schedule", "set_schedule_queued", "update_schedule_heartbeat",
        ),
        _SCHEDULES,
    ),
    **dict.fromkeys(
        (
            "has_function", "has_table", "has_trigger", "has_user_defined_enum", "notify",
            "schema_info", "schema_is_installed", "table_has_column", "table_has_index",
        ),
        _NONE,
    ),
    "aggregate_logs": _LOG | _STATISTICS,
    "uninstall": _ALL,
}  # fmt: skip
"""The tables in each statement, by its name."""


def uses(statement: str) -> frozenset[Table]:
    """Return the tables that a statement reads or writes; all of them for an unknown statement."""
    return USES.get(statement, _ALL)
