"""Jumps: events that the bar links to from an event."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from simqueue.model import events as e
from simqueue.model.trace import Trace
from simqueue.report.choices.concurrent import subjects_of_statement
from simqueue.report.log_index import Course, Subject
from simqueue.report.subjects import subjects_of

_IN_NO_TABLE = (e.TableChanged, e.NotificationSent)


@dataclass(frozen=True, slots=True)
class Around:
    """The nearest events of a kind before an event and after it, None where there are no more."""

    name: str
    before: int | None
    after: int | None


class Jumps:
    """The events of a trace, indexed by the kinds of jumps."""

    def __init__(self, trace: Trace, course: Course) -> None:
        self._course = course
        self._of: dict[Subject, list[int]] = {}
        self._changes: list[int] = []
        for number, entry in enumerate(trace.events):
            for subject in subjects_of(entry.event):
                self._of.setdefault(subject, []).append(number)
            if isinstance(entry.event, e.StoreEvent) and not isinstance(entry.event, _IN_NO_TABLE):
                self._changes.append(number)
        self.failure = failure_of(trace)
        """The event at which the run failed, None if it passed."""

    def changes(self, number: int) -> Around:
        """Return the events around one that changed a table."""
        return _around("change", self._changes, number)

    def same(self, number: int, page: str) -> Around | None:
        """Return the nearest events of the job on the page, else of the event's subject."""
        subject = self._shown(page) or self._about(number)
        if subject is None:
            return None
        return _around(f"{subject[0]} {subject[1]}", self._of.get(subject, ()), number)

    def _shown(self, page: str) -> Subject | None:
        before, _, number = page.rpartition("/")
        subject = "job", int(number) if number.isdecimal() and len(number) < 20 else -1  # noqa: PLR2004
        return subject if before == "/jobs" and subject in self._of else None

    def _about(self, number: int | None) -> Subject | None:
        """Return the subject of an event, else that of its cause."""
        while number is not None:
            entry = self._course.entries[number]
            passage = self._course.passage_of(entry)
            subjects = frozenset(subjects_of(entry.event))
            if passage is not None and not subjects:
                subjects = subjects_of_statement(passage)
            if subjects:
                return min(subjects)
            number = entry.cause
        return None


def failure_of(trace: Trace) -> int | None:
    """Return the event at which a run failed: the verdict's, else the last; None if it passed."""
    failure = trace.outcome.failure
    if failure is None or not trace.events:
        return None
    for number in reversed(range(len(trace.events))):
        event = trace.events[number].event
        if isinstance(event, e.InvariantBroken) and event.signature == failure.signature:
            return number
    return len(trace.events) - 1


def _around(name: str, numbers: Sequence[int], number: int) -> Around:
    before, after = bisect_left(numbers, number), bisect_right(numbers, number)
    return Around(
        name,
        numbers[before - 1] if before else None,
        numbers[after] if after < len(numbers) else None,
    )
