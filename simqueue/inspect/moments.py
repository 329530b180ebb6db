"""The tables as they stood after each event of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec

from simqueue.adapter.installed import names_in_force
from simqueue.inspect.event_numbers import check_event
from simqueue.model.events import Entry, StoreEvent
from simqueue.model.ids import Instant
from simqueue.model.trace import Trace
from simqueue.store import Names, Tables, apply

_KEPT = 4
_STORE_EVENTS = get_args(StoreEvent)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Moment:
    """The tables after event ``number``, which happened at ``at``; -1 is before the first event.

    Only ``advance`` may change the tables.
    """

    number: int
    at: Instant
    tables: Tables

    @classmethod
    def start(cls, names: Names) -> Moment:
        """Return the moment before the first event."""
        return cls(-1, Instant(0), Tables(names))

    def advance(self, entry: Entry) -> bool:
        """Move on to the next event; return whether it is one that can change the tables."""
        self.number, self.at = self.number + 1, entry.at
        if not isinstance(entry.event, _STORE_EVENTS):
            return False
        apply(self.tables, entry.now, entry.event)
        return True

    def rows(self) -> dict[str, Sequence[msgspec.Struct]]:
        """Return the rows of each table, in the order in which tables are shown."""
        tables = self.tables
        return {
            "jobs": list(tables.jobs.rows.values()),
            "schedules": list(tables.schedules.rows.values()),
            "log": list(tables.log.rows.values()),
            "statistics": list(tables.statistics.rows.values()),
        }


def start_of(trace: Trace) -> Moment:
    """Return the moment before the first event of a trace."""
    return Moment.start(names_in_force(trace.config.epoch_us))


def moment_after(trace: Trace, entries: Iterable[Entry]) -> Moment:
    """Return the moment after ``entries``: the first events of a trace, or of its replay."""
    moment = start_of(trace)
    for entry in entries:
        moment.advance(entry)
    return moment


class Moments:
    """The moments of one trace. The four that were requested last are kept."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.names = names_in_force(trace.config.epoch_us)
        self._kept: dict[int, Moment] = {}
        """By number, the one that was requested last at the end."""

    def check(self, number: int) -> None:
        """Raise ``UsageError`` unless the trace has an event of that number."""
        check_event(self.trace, number)

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.trace.events) - 1

    def at(self, number: int) -> Moment:
        """Return the moment after event ``number``, which is valid until the next request.

        Raises:
            UsageError: the trace has no such event.
        """
        self.check(number)
        moment = self._kept.pop(number, None) or self._reach(number)
        self._kept[number] = moment
        return moment

    def copy(self, moment: Moment) -> Tables:
        """Return tables equal to those of a moment, which may be changed."""
        return moment_after(self.trace, self.trace.events[: moment.number + 1]).tables

    def date(self, at: Instant) -> datetime:
        """Return an instant of the run as its clocks showed it."""
        return _UNIX_EPOCH + timedelta(microseconds=self.names.epoch_us + at)

    def _reach(self, number: int) -> Moment:
        """Return a moment advanced to an event: a new one, or one of the kept if all are taken."""
        moment = Moment.start(self.names)
        if len(self._kept) >= _KEPT:
            oldest = next((each for each in self._kept if each < number), None)
            taken = self._kept.pop(next(iter(self._kept)) if oldest is None else oldest)
            moment = moment if oldest is None else taken
        for entry in self.trace.events[moment.number + 1 : number + 1]:
            moment.advance(entry)
        return moment
