"""Choosing: which events of a long log a page shows.

Those that the failure and the story are about come first, then what caused them, what went wrong
near the end, and the end itself; as many as there is room for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from simqueue.model import events as e
from simqueue.report.lines import is_routine
from simqueue.report.log_index import Course, Subject
from simqueue.report.page.lanes import Lanes, Stretch
from simqueue.report.page.shown import Shown
from simqueue.report.page.story import PageStory
from simqueue.report.subjects import subjects_of

_NEARBY = 4
_FIRST = 100
_SHARE = 4
"""Disturbances, and the story's subjects, each take at most this share of the events."""

_TROUBLE = (
    e.StatementFailed,
    e.ConnectionLost,
    e.ConnectionRefused,
    e.PoolExhausted,
    e.WorkerStarted,
    e.WorkerReady,
    e.WorkerStopping,
    e.WorkerExited,
    e.WorkerCrashed,
    e.WorkerPaused,
    e.WorkerResumed,
    e.ClockSet,
    e.TasksLeaked,
    e.ErrorIgnored,
    e.HandlerRaised,
    e.TaskFailed,
    e.ServerCrashed,
    e.ServerRestarted,
    e.FaultStruck,
    e.Healed,
    e.InvariantBroken,
)


def choose(course: Course, story: PageStory, lanes: Lanes, limit: int) -> Shown:
    """Return about ``limit`` events of a log; a statement is shown with all its steps or not."""
    chosen = _Chosen(course, limit)
    size = len(course.entries)
    failure = size - 1 if story.failure is None else story.failure
    chosen.take([failure, size - 1, 0])
    chosen.take(chain(story.named, (each.event for each in story.deviations if story.explained)))
    chosen.take(_causes(course, list(chosen.numbers)))
    chosen.take(_around(course, _TROUBLE), limit // _SHARE)
    chosen.take(_about(course, frozenset(story.involved)), limit // _SHARE)
    chosen.take(range(min(_FIRST, size)))
    left = max(0, limit - len(chosen.numbers))
    chosen.take(range(failure, -1, -1), left // 2)
    chosen.take(range(size - 1, -1, -1), left // _SHARE)
    # What lasted while events happened that are shown, is shown from its beginning to its end.
    for_now = Shown(course.entries, chosen.numbers)
    chosen.take(_ends(_stretches(lanes), for_now, size))
    chosen.take(range(failure, -1, -1))
    chosen.take(range(size - 1, -1, -1))
    return Shown(course.entries, chosen.numbers)


class _Chosen:
    """The numbers of the events that are chosen, while there is room."""

    def __init__(self, course: Course, limit: int) -> None:
        self._course, self._limit = course, limit
        self.numbers: set[int] = set()

    def take(self, wanted: Iterable[int], most: int | None = None) -> None:
        """Choose events and the steps of their statements, until there are ``most`` more."""
        room = self._limit - len(self.numbers)
        end = len(self.numbers) + (room if most is None else min(room, most))
        for number in wanted:
            if len(self.numbers) >= end:
                return
            if number not in self.numbers:
                self.numbers.add(number)
                self.numbers.update(self._steps(number))

    def _steps(self, number: int) -> Iterator[int]:
        passage = self._course.passage_of(self._course.entries[number])
        if passage is not None:
            steps = (passage.sent, passage.executed, passage.ended, passage.replied)
            yield from (step[0] for step in steps if step is not None)
        event = self._course.entries[number].event
        if isinstance(event, (e.NotificationDelivered, e.NotificationDropped)):
            yield event.sent


def _causes(course: Course, numbers: list[int]) -> Iterator[int]:
    for number in numbers:
        cause = course.entries[number].cause
        while cause is not None and cause < number:
            yield cause
            number, cause = cause, course.entries[cause].cause  # noqa: PLW2901  up the chain


def _around(course: Course, kinds: tuple[type, ...]) -> Iterator[int]:
    """Yield events of these kinds, the last one first, each with those next to it."""
    last = len(course.entries) - 1
    for number in range(last, -1, -1):
        if isinstance(course.entries[number].event, kinds):
            yield number
            yield from range(max(0, number - _NEARBY), min(last, number + _NEARBY) + 1)


def _about(course: Course, involved: frozenset[Subject]) -> Iterator[int]:
    """Yield the events about jobs and schedules, the last one first, heartbeats after the rest."""
    if not involved:
        return
    for routine in (False, True):
        for number in range(len(course.entries) - 1, -1, -1):
            event = course.entries[number].event
            if is_routine(event) is routine and not involved.isdisjoint(subjects_of(event)):
                yield number


def _stretches(lanes: Lanes) -> Sequence[Stretch]:
    return [*lanes.lives, *lanes.silences, *lanes.runs, *lanes.states]


def _ends(stretches: Sequence[Stretch], shown: Shown, size: int) -> Iterator[int]:
    """Yield the first and last events of the stretches that hold events on the page."""
    for each in sorted(stretches, key=lambda stretch: -stretch.since):
        until = each.until if each.until >= 0 else size
        if shown.any_between(each.since, until):
            yield from islice((each.since, each.until), 1 if each.until < 0 else 2)
