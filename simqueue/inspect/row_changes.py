"""The rows that each event of a trace inserted, replaced or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simqueue.inspect.moments import Moment, start_of
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import EntryNumber
from simqueue.model.trace import Trace
from simqueue.report.page import Change
from simqueue.report.page.history import Row
from simqueue.report.subjects import subjects_of

_WIDE = (
    e.QueueTruncated,
    e.LogsAggregated,
    e.LogCleared,
    e.StatisticsCleared,
    e.SchedulesTruncated,
    e.DatabaseDropped,
    e.ServerCrashed,
)
"""Events that may change any row; others change the rows that they name, and append to the log."""


def table_changes(trace: Trace) -> list[Change]:
    """Return all changes of a run's tables, in order."""
    mirror = _Mirror(start_of(trace))
    return [change for number, entry in enumerate(trace.events) for change in mirror(number, entry)]


@dataclass(slots=True)
class _Mirror:
    """The tables, and copies of the rows as they were before the latest event."""

    moment: Moment
    jobs: dict[int, Row] = field(default_factory=dict)
    schedules: dict[int, Row] = field(default_factory=dict)
    log: dict[int, Row] = field(default_factory=dict)
    statistics: dict[int, Row] = field(default_factory=dict)

    def __call__(self, number: int, entry: Entry) -> Iterator[Change]:
        if not self.moment.advance(entry):
            return
        tables = self.moment.tables
        if isinstance(entry.event, _WIDE):
            yield from self._compare_all(number)
            return
        named = subjects_of(entry.event)
        jobs = [row_id for noun, row_id in named if noun == "job"]
        yield from _compared(number, self.jobs, tables.jobs.rows, jobs)
        schedules = [row_id for noun, row_id in named if noun == "schedule"]
        yield from _compared(number, self.schedules, tables.schedules.rows, schedules)
        yield from _compared(number, self.log, tables.log.rows, self._appended())

    def _appended(self) -> list[int]:
        """Return the ids of the new log rows, oldest first."""
        new: list[int] = []
        for row_id in reversed(self.moment.tables.log.rows):
            if row_id in self.log:
                break
            new.append(row_id)
        return new[::-1]

    def _compare_all(self, number: int) -> Iterator[Change]:
        tables = self.moment.tables
        held: list[tuple[dict[int, Row], Mapping[Any, Row]]] = [
            (self.jobs, tables.jobs.rows),
            (self.schedules, tables.schedules.rows),
            (self.log, tables.log.rows),
            (self.statistics, tables.statistics.rows),
        ]
        for before, after in held:
            # A row that did not change is the same object, as most rows of a long run are.
            ids = {row_id for row_id, row in after.items() if before.get(row_id) is not row}
            ids.update(before.keys() - after.keys())
            yield from _compared(number, before, after, sorted(ids))


def _compared(
    number: int, before: dict[int, Row], after: Mapping[Any, Row], ids: Iterable[int]
) -> Iterator[Change]:
    """Yield the changes of these rows, and bring ``before`` up to date."""
    for row_id in ids:
        old, new = before.get(row_id), after.get(row_id)
        if old == new:
            continue
        yield Change(EntryNumber(number), old, new)
        if new is None:
            del before[row_id]
        else:
            before[row_id] = new
