"""Compares the events of a replay with those of its trace, as they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from simqueue.errors import DivergenceError
from simqueue.model.events import Entry
from simqueue.model.findings import Difference
from simqueue.model.trace import Trace
from simqueue.report.difference import difference_at, unseen_difference
from simqueue.search.replay.stops import Stops


@dataclass(frozen=True, slots=True)
class Observers:
    """Callbacks while the run of a replay is played.

    Attributes:
        watch: called with each event, before it is compared.
        stops: opens a debugger at some events.
        on_failure: called with the frames in which the run fails.
    """

    watch: Callable[[int, Entry], None] | None = None
    stops: Stops | None = None
    on_failure: Callable[[TracebackType | None], object] | None = None

    def __bool__(self) -> bool:
        """Whether there is any, so that the run must be played in this process."""
        return any(each is not None for each in (self.watch, self.stops, self.on_failure))


@dataclass(slots=True)
class Comparison:
    """Finds the first difference between a trace and the run that repeats it.

    If ``exact``, the first difference raises ``DivergenceError`` and so ends the run.
    """

    trace: Trace
    observers: Observers
    exact: bool
    _difference: Difference | None = field(default=None, init=False)

    def see(self, number: int, entry: Entry) -> None:
        """Compare one event with the recorded one."""
        if self.observers.watch is not None:
            self.observers.watch(number, entry)
        difference = self._difference
        if difference is None:
            events = self.trace.events
            recorded = events[number] if number < len(events) else None
            difference = difference_at(number, recorded, entry)
        if self.observers.stops is not None:
            self.observers.stops.see(number, entry, difference)
        if self._difference is None:
            self._note(difference)

    def finish(self, again: Trace) -> Difference | None:
        """Compare how the runs ended; return the first difference of all."""
        if self._difference is None and len(again.events) < len(self.trace.events):
            number = len(again.events)
            self._note(difference_at(number, self.trace.events[number], None))
        if self._difference is None:
            self._note(unseen_difference(self.trace, again))
        return self._difference

    def _note(self, difference: Difference | None) -> None:
        self._difference = difference
        if difference is not None and self.exact:
            raise DivergenceError(
                difference.number, difference.one, difference.other, difference.actor
            )
