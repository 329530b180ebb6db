"""Changes: the rows that each event of a trace put in place of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from simqueue.adapter.installed import names_in_force
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import EntryNumber
from simqueue.model.trace import Trace
from simqueue.report.page import Change
from simqueue.report.page.history import Row
from simqueue.report.subjects import subjects_of
from simqueue.store import Tables, apply

_STORE = get_args(e.StoreEvent)
_WIDE = (
    e.QueueTruncated,
    e.LogsAggregated,
    e.LogCleared,
    e.StatisticsCleared,
    e.SchedulesTruncated,
    e.DatabaseDropped,
    e.ServerCrashed,
)
"""What may change any row; the others change those that they name, and append to the log."""


def table_changes(trace: Trace) -> list[Change]:
    """Return all changes of a run's tables, in their order."""
    mirror = _Mirror(Tables(names_in_force(trace.config.epoch_us)))
    return [change for number, entry in enumerate(trace.events) for change in mirror(number, entry)]


@dataclass(slots=True)
class _Mirror:
    """Tables, and the rows they held before the event that is applied."""

    tables: Tables
    jobs: dict[int, Row] = field(default_factory=dict)
    schedules: dict[int, Row] = field(default_factory=dict)
    log: dict[int, Row] = field(default_factory=dict)
    statistics: dict[int, Row] = field(default_factory=dict)

    def __call__(self, number: int, entry: Entry) -> Iterator[Change]:
        if not isinstance(entry.event, _STORE):
            return
        apply(self.tables, entry.now, entry.event)
        if isinstance(entry.event, _WIDE):
            yield from self._compare_all(number)
            return
        named = subjects_of(entry.event)
        jobs = [whose for noun, whose in named if noun == "job"]
        yield from _compared(number, self.jobs, self.tables.jobs.rows, jobs)
        schedules = [whose for noun, whose in named if noun == "schedule"]
        yield from _compared(number, self.schedules, self.tables.schedules.rows, schedules)
        yield from _compared(number, self.log, self.tables.log.rows, self._appended())

    def _appended(self) -> list[int]:
        """Return the ids of log rows that were not there before, oldest first."""
        fresh: list[int] = []
        for whose in reversed(self.tables.log.rows):
            if whose in self.log:
                break
            fresh.append(whose)
        return fresh[::-1]

    def _compare_all(self, number: int) -> Iterator[Change]:
        held: list[tuple[dict[int, Row], Mapping[Any, Row]]] = [
            (self.jobs, self.tables.jobs.rows),
            (self.schedules, self.tables.schedules.rows),
            (self.log, self.tables.log.rows),
            (self.statistics, self.tables.statistics.rows),
        ]
        for before, after in held:
            # A row that did not change is the same object: most are, in a long run's tables.
            ids = {whose for whose, row in after.items() if before.get(whose) is not row}
            ids.update(before.keys() - after.keys())
            yield from _compared(number, before, after, sorted(ids))


def _compared(
    number: int, before: dict[int, Row], after: Mapping[Any, Row], ids: Iterable[int]
) -> Iterator[Change]:
    """Yield what differs in these rows, and bring ``before`` up to date."""
    for whose in ids:
        old, new = before.get(whose), after.get(whose)
        if old == new:
            continue
        yield Change(EntryNumber(number), old, new)
        if new is None:
            del before[whose]
        else:
            before[whose] = new
