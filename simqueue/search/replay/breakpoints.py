"""Breakpoints: the events of a trace at which a debugger is to open."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import filter as matching
from fnmatch import fnmatchcase

from simqueue.errors import UsageError
from simqueue.inspect.event_numbers import check_event
from simqueue.model.events import AnyEvent, Entry
from simqueue.model.trace import Trace
from simqueue.report.lines import concerns
from simqueue.report.selection import kind_of_event


class Breakpoints:
    """Decides at which events of a replay to stop, and records which breakpoints were reached.

    Args:
        trace: the trace to be replayed.
        events: numbers of events.
        jobs: ids; stop at each event that names one of them.
        schedules: ids, likewise.
        kinds: names of kinds of events, such as ``job_picked``, or patterns, such as ``job_*``.

    Raises:
        UsageError: the trace has no such event.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        events: Iterable[int] = (),
        jobs: Iterable[int] = (),
        schedules: Iterable[int] = (),
        kinds: Iterable[str] = (),
    ) -> None:
        self._numbers = frozenset(events)
        self._jobs, self._schedules = frozenset(jobs), frozenset(schedules)
        self._kinds = frozenset(kind.replace("-", "_") for kind in kinds)
        self._check(trace)
        self._to_come = dict.fromkeys(
            [f"event {number}" for number in sorted(self._numbers)]
            + [f"job {job}" for job in sorted(self._jobs)]
            + [f"schedule {schedule}" for schedule in sorted(self._schedules)]
            + [f"kind {kind}" for kind in sorted(self._kinds)]
        )
        self._last = -1

    def __call__(self, number: int, entry: Entry) -> bool:
        """Return whether to stop at an event; must be called with each event of a run."""
        self._last = number
        names = list(self._names(number, entry.event))
        for name in names:
            self._to_come.pop(name, None)
        return bool(names)

    def missed(self) -> str:
        """Return which breakpoints the run did not reach; an empty text if it reached all."""
        if not self._to_come:
            return ""
        ended = f"ended after event {self._last}" if self._last >= 0 else "had no events"
        what = ", ".join(self._to_come)
        return f"never came to {what}: the run {ended}"

    def _names(self, number: int, event: AnyEvent) -> Iterable[str]:
        if number in self._numbers:
            yield f"event {number}"
        for job in self._jobs:
            if concerns(event, job=job):
                yield f"job {job}"
        for schedule in self._schedules:
            if concerns(event, schedule=schedule):
                yield f"schedule {schedule}"
        for kind in self._kinds:
            if fnmatchcase(kind_of_event(event), kind):
                yield f"kind {kind}"

    def _check(self, trace: Trace) -> None:
        events = [entry.event for entry in trace.events]
        for number in self._numbers:
            check_event(trace, number)
        for job in self._jobs:
            if not any(concerns(event, job=job) for event in events):
                raise UsageError(f"no event names job {job}; {_range(events, 'job')}")
        for schedule in self._schedules:
            if not any(concerns(event, schedule=schedule) for event in events):
                raise UsageError(
                    f"no event names schedule {schedule}; {_range(events, 'schedule')}"
                )
        kinds = sorted({kind_of_event(event) for event in events})
        for kind in self._kinds:
            if not matching(kinds, kind):
                held = ", ".join(kinds) or "no events"
                raise UsageError(f"no event is of kind {kind}; the trace has {held}")


def _range(events: list[AnyEvent], noun: str) -> str:
    """Return the range of ids of the jobs or schedules that some events name."""
    named: set[int] = set()
    for event in events:
        one: int | None = getattr(event, f"{noun}_id", None)
        named.update(getattr(event, f"{noun}_ids", ()), () if one is None else (one,))
    if not named:
        return f"the trace has no {noun}s"
    return f"the trace has {noun}s {min(named)} to {max(named)}"
