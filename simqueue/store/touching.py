"""Which rows and index keys an event touches, so that statements can hold and await them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from simqueue.model import events as e
from simqueue.model.events import StoreEvent
from simqueue.model.ids import ScheduleId
from simqueue.model.rows import JobRow
from simqueue.store.locks import LOG, Resource
from simqueue.store.tables import Tables

Touch = tuple[Resource, bool]
"""A resource, and whether it is held until the commit; if not, only waited for."""


def touches(tables: Tables, event: StoreEvent) -> Iterator[Touch]:
    """Yield what the server locks or looks up in a unique index to do what ``event`` says."""
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


def _folds(tables: Tables, event: StoreEvent) -> Iterator[Touch]:
    yield LOG, True


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
    e.LogsAggregated: _folds,
    e.LogCleared: _folds,
    e.StatisticsCleared: _folds,
    e.ScheduleInserted: _registers,
    e.ScheduleKept: _knows,
    e.SchedulePicked: _changes_schedule,
    e.ScheduleReleased: _changes_schedule,
    e.SchedulesBeat: _beats_schedules,
    e.ScheduleDeleted: _changes_schedule,
}

EXCLUSIVE = (e.QueueTruncated, e.SchedulesTruncated, e.DatabaseDropped)
"""Events for which a statement needs a table to itself; so do clears of a whole log."""


def is_exclusive(event: StoreEvent) -> bool:
    """Return whether the statement that decided ``event`` needs a whole table to itself."""
    if isinstance(event, e.LogCleared | e.StatisticsCleared):
        return event.entrypoints is None
    return isinstance(event, EXCLUSIVE)
