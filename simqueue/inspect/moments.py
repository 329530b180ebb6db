"""Moments: the tables as they stood after each event of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simqueue.adapter.installed import names_in_force
from simqueue.errors import UsageError
from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant
from simqueue.model.trace import Trace
from simqueue.store import Tables, apply, fold

_KEPT = 4
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Moment:
    """The tables after event ``number``, which happened at ``at``; to be looked at only."""

    number: int
    at: Instant
    tables: Tables


class Moments:
    """The moments of one trace. The last few that were asked for are kept."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.names = names_in_force(trace.config.epoch_us)
        self._kept: dict[int, Moment] = {}
        """By number, the one that was asked for last at the end."""

    def check(self, number: int) -> None:
        """Raise ``UsageError`` unless the trace has an event of that number."""
        if not 0 <= number < len(self.trace.events):
            held = f"events 0 to {self.last}" if self.trace.events else "no events"
            raise UsageError(f"there is no event {number}; the trace has {held}")

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.trace.events) - 1

    def at(self, number: int) -> Moment:
        """Return the moment after event ``number``, which is good until the next one is asked for.

        Raises:
            UsageError: the trace has no such event.
        """
        self.check(number)
        moment = self._kept.pop(number, None) or self._reach(number)
        self._kept[number] = moment
        return moment

    def copy(self, moment: Moment) -> Tables:
        """Return tables like those of a moment, which may be changed."""
        return fold(self.names, self.trace.events[: moment.number + 1])

    def date(self, at: Instant) -> datetime:
        """Return an instant of the run as its clocks showed it."""
        return _UNIX_EPOCH + timedelta(microseconds=self.names.epoch_us + at)

    def _reach(self, number: int) -> Moment:
        """Return a new moment: one of long ago that goes on from where it was, if all are taken."""
        start = Moment(-1, Instant(0), Tables(self.names))
        if len(self._kept) >= _KEPT:
            oldest = next((each for each in self._kept if each < number), None)
            taken = self._kept.pop(next(iter(self._kept)) if oldest is None else oldest)
            start = start if oldest is None else taken
        self._advance(start, number)
        return start

    def _advance(self, moment: Moment, number: int) -> None:
        for entry in self.trace.events[moment.number + 1 : number + 1]:
            if isinstance(entry.event, StoreEvent):
                apply(moment.tables, entry.now, entry.event)
        moment.number, moment.at = number, self.trace.events[number].at
