"""What else happened between two instants, the most relevant first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.log_index import Course, Numbered, Passage, Subject
from simqueue.report.subjects import subjects_of
from simqueue.report.units import moment
from simqueue.report.words import called, words

_SHOWN = 2
_TELLING = (
    e.NotificationDelivered, e.WorkerStarted, e.WorkerStopping, e.WorkerExited, e.WorkerCrashed,
    e.WorkerPaused, e.HandlerStarted, e.HandlerFinished, e.HandlerRaised, e.ServerRestarted,
    e.ConnectionLost, e.ServerCrashed,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that happened, in words that can follow "after"; a read has a ``weight`` of 0."""

    place: tuple[int, int]
    text: str
    subjects: frozenset[Subject]
    weight: int


def subjects_of_statement(passage: Passage) -> frozenset[Subject]:
    """Return the jobs and schedules that a statement changed."""
    return frozenset().union(*(subjects_of(entry.event) for entry in passage.did))


def render_meanwhile(
    course: Course,
    since: tuple[int, int],
    until: tuple[int, int],
    *,
    besides: Passage | None = None,
    about: frozenset[Subject] = frozenset(),
) -> list[str]:
    """Return what happened, at most two things and the number of the others.

    Args:
        course: the run.
        since: the instant after which, and the number of an entry from which on.
        until: the instant until which, and the number of the entry before which.
        besides: a statement to leave out.
        about: jobs and schedules to name first.
    """
    deeds = list(_deeds(course, since, until, besides))
    telling = [deed for deed in deeds if deed.weight] or deeds
    once = {deed.text: deed for deed in reversed(telling)}.values()
    ranked = sorted(once, key=lambda deed: (not deed.subjects & about, -deed.weight, deed.place))
    shown = sorted(ranked[:_SHOWN], key=lambda deed: deed.place)
    left = len(ranked) - len(shown)
    return [deed.text for deed in shown] + ([f"{left} more"] if left else [])


def _deeds(
    course: Course, since: tuple[int, int], until: tuple[int, int], besides: Passage | None
) -> Iterator[Deed]:
    for number, entry in course.since(since[1]):
        if number >= until[1] or entry.at > until[0]:
            break
        passage = course.passage_of(entry)
        other = passage is None or passage is not besides
        if other and (entry.at > since[0] or _would_be_second(entry, passage, since)):
            deed = _deed(course, (number, entry))
            if deed is not None:
                yield deed
    yield from _due(course, since[0], until)


def _would_be_second(entry: Entry, passage: Passage | None, since: tuple[int, int]) -> bool:
    """Return whether a statement reached the server in the instant, but was sent later."""
    return entry.at == since[0] and passage is not None and passage.sent[0] >= since[1]


def _deed(course: Course, numbered: Numbered) -> Deed | None:
    number, entry = numbered
    place = entry.at, number
    if isinstance(entry.event, e.StatementCommitted):
        passage = course.passage_of(entry)
        if passage is None:
            return None
        about = subjects_of_statement(passage)
        return Deed(place, passage.short, about, 3 if passage.result and about else 0)
    if isinstance(entry.event, e.NotificationDelivered):
        of_table = isinstance(course.entries[entry.event.sent].event, e.TableChanged)
        return Deed(
            place, f"{called(entry.worker)} {course.clause(entry)}", frozenset(), int(of_table)
        )
    if isinstance(entry.event, _TELLING):
        text = f"{called(entry.worker)} {words(entry.event)}"
        return Deed(place, text, frozenset(subjects_of(entry.event)), 2)
    return None


def _due(course: Course, since: int, until: tuple[int, int]) -> Iterator[Deed]:
    """Yield what fell due: ticks of schedules, jobs that had to wait for their time."""
    begin = bisect_right(course.promised, since, key=itemgetter(0))
    for at, number, noun, whose in course.promised[begin:]:
        if at > until[0]:
            break
        if number < until[1]:
            what = course.label(noun, whose)
            tick = f"the tick of {what} at {moment(at)}"
            text = tick if noun == "schedule" else f"{what} is due at {moment(at)}"
            yield Deed((at, 0), text, frozenset({(noun, whose)}), 4)
