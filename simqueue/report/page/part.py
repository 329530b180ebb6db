"""Part: the data of a page that leaves events out, with what it shows in terms of its own lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from simqueue.model.events import Entry
from simqueue.model.ids import EntryNumber
from simqueue.model.rows import JobRow, LogRow, ScheduleRow
from simqueue.model.trace import Trace
from simqueue.report.log_index import Course
from simqueue.report.page.data import (
    Data,
    Events,
    Texts,
    labels_of,
    managers_in,
    naming,
    processes_of,
    tell_events,
)
from simqueue.report.page.history import COLUMNS, Change, History, Row, tell_history
from simqueue.report.page.lanes import NOT_YET, Lanes, Stretch, subject_key
from simqueue.report.page.shown import Gap, Shown
from simqueue.report.page.story import PageStory

_T = TypeVar("_T")
_TABLES = list(COLUMNS)
_Key = tuple[type, int]
"""A row: its type, which identifies the table, and its id."""


def tell_part(
    trace: Trace,
    changes: Sequence[Change],
    story: PageStory,
    *,
    course: Course,
    lanes: Lanes,
    shown: Shown,
) -> Data:
    """Return what a page shows of the events of ``shown``; every place in it is that of a line."""
    entries = [line for line in shown.lines() if isinstance(line, Entry)]
    events = _events(course, shown, entries)
    managers = managers_in(trace.events)
    failing = [] if story.failure is None else events.about[shown.place(story.failure)]
    return Data(
        events=events,
        processes=processes_of(course, entries),
        labels=labels_of(course, entries),
        involved=[subject_key(subject) for subject in story.involved] or failing,
        managers=managers,
        lanes=_lanes(lanes, shown),
        history=_history(changes, shown, events, managers),
        deviations=[
            (each.at, shown.place(each.event), number)
            for number, each in enumerate(story.deviations, start=1)
            if shown.holds(each.event)
        ],
        named=[shown.place(number) for number in story.named if shown.holds(number)],
        failure=NOT_YET if story.failure is None else shown.place(story.failure),
        stated=story.stated,
        hop=max(1, trace.config.hop.seconds * 1_000_000 + trace.config.hop.microseconds),
        end=trace.outcome.simulated,
        size=len(course.entries),
        deviated=len(story.deviations),
    )


# --- events: a line for each, and one for each gap ---


def _events(course: Course, shown: Shown, entries: list[Entry]) -> Events:
    lines = list(shown.lines())
    events = tell_events(course, entries)
    gaps = [(place, line) for place, line in enumerate(lines) if isinstance(line, Gap)]

    def numbers(column: list[int], default: int = NOT_YET) -> list[int]:
        return _spread(column, gaps, [default] * len(gaps))

    def texts(column: Texts, gap_texts: list[str]) -> Texts:
        known = {text: place for place, text in enumerate(column.texts)}
        places = [known.setdefault(text, len(known)) for text in gap_texts]
        return Texts(list(known), _spread(column.of, gaps, places))

    nothing = [""] * len(gaps)
    causes = [cause if cause >= 0 and shown.holds(cause) else NOT_YET for cause in events.cause]
    return Events(
        at=_spread(events.at, gaps, [gap.at for _, gap in gaps]),
        who=texts(events.who, ["…"] * len(gaps)),
        where=texts(events.where, nothing),
        kind=texts(events.kind, ["left_out"] * len(gaps)),
        mark=texts(events.mark, nothing),
        words=texts(events.words, [gap.words for _, gap in gaps]),
        cause=numbers([shown.place(cause) for cause in causes]),
        routine=numbers(events.routine, 0),
        statement=numbers(events.statement),
        about=_spread(events.about, gaps, [[] for _ in gaps]),
        numbers=[first for first, _ in shown.spans],
    )


def _spread(column: list[_T], gaps: list[tuple[int, Gap]], values: list[_T]) -> list[_T]:
    """Return a column of events with the values of gaps at their places."""
    spread: list[_T] = []
    taken = 0
    for (place, _), value in zip(gaps, values, strict=True):
        until = place - len(spread) + taken
        spread += [*column[taken:until], value]
        taken = until
    return spread + column[taken:]


# --- lanes: what is on the page from its beginning to its end ---


def _lanes(lanes: Lanes, shown: Shown) -> Lanes:
    def has(*numbers: int) -> bool:
        return all(number < 0 or shown.holds(number) for number in numbers)

    def stretches(whole: Iterable[Stretch]) -> list[Stretch]:
        return [
            msgspec.structs.replace(
                each, since=shown.place(each.since), until=shown.place(each.until)
            )
            for each in whole
            if has(each.since, each.until)
        ]

    steps = ("sent", "executed", "ended", "replied")
    return Lanes(
        statements=[
            msgspec.structs.replace(
                each, **{step: shown.place(getattr(each, step)) for step in steps}
            )
            for each in lanes.statements
            if has(*(getattr(each, step) for step in steps))
        ],
        notes=[
            msgspec.structs.replace(
                each, sent=shown.place(each.sent), heard=shown.place(each.heard)
            )
            for each in lanes.notes
            if has(each.sent, each.heard)
        ],
        lives=stretches(lanes.lives),
        stalls=[
            msgspec.structs.replace(each, since=shown.place(each.since))
            for each in lanes.stalls
            if has(each.since)
        ],
        runs=stretches(lanes.runs),
        states=stretches(lanes.states),
        silences=stretches(lanes.silences),
    )


# --- history: rows that some event on the page changes or is about ---


def _history(
    changes: Sequence[Change], shown: Shown, events: Events, managers: dict[str, str]
) -> History:
    about = {subject for subjects in events.about for subject in subjects}
    kept = {_key(change) for change in changes if shown.holds(change.event)}
    book = _Book(shown)
    for change in changes:
        book.turn_to(shown.place(change.event))
        if _key(change) in kept or _subject(change.row) in about:
            book.note(change)
        else:
            book.hide(change)
    book.turn_to(len(shown.spans))
    history = tell_history(book.changes, naming(managers))
    return msgspec.structs.replace(history, hidden=book.hidden)


def _key(change: Change) -> _Key:
    return type(change.row), change.row.id


def _subject(row: Row) -> str:
    match row:  # partial: other values do not matter here
        case JobRow():
            return f"job {row.id}"
        case ScheduleRow():
            return f"schedule {row.id}"
        case LogRow():
            return f"job {row.job_id}"
        case _:
            return ""


@dataclass(slots=True)
class _Book:
    """The changes by line: those of a gap are merged into one change for each row."""

    shown: Shown
    changes: list[Change] = field(default_factory=list)
    hidden: list[list[tuple[int, int]]] = field(default_factory=lambda: [[] for _ in _TABLES])
    _place: int = -1
    _of_gap: dict[_Key, tuple[Row | None, Row | None]] = field(default_factory=dict)

    def turn_to(self, place: int) -> None:
        """Write down the merged changes of a gap before this line."""
        if place == self._place:
            return
        for old, new in self._of_gap.values():
            if old != new:
                self._write(old, new)
        self._of_gap.clear()
        self._place = place

    def note(self, change: Change) -> None:
        """Take a change of a row that the page has."""
        if self.shown.is_event(self._place):
            self._write(change.before, change.after)
            return
        first, _ = self._of_gap.get(_key(change), (change.before, None))
        self._of_gap[_key(change)] = first, change.after

    def _write(self, old: Row | None, new: Row | None) -> None:
        # The event's number is its place on the page from here on.
        self.changes.append(Change(EntryNumber(self._place), old, new))

    def hide(self, change: Change) -> None:
        """Count a row that the page does not have."""
        more = (change.before is None) - (change.after is None)
        if not more:
            return
        counts = self.hidden[_TABLES.index(type(change.row))]
        total = (counts[-1][1] if counts else 0) + more
        if counts and counts[-1][0] == self._place:
            counts.pop()
        counts.append((self._place, total))
