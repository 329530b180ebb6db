"""Data: a run as one document for the page's script, columns of events and what lanes show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.lines import is_routine
from simqueue.report.log_index import Course, Subject
from simqueue.report.page.history import Change, History, tell_history
from simqueue.report.page.lanes import NOT_YET, Lanes, lay_lanes, subject_key
from simqueue.report.page.story import PageStory
from simqueue.report.selection import kind_of_event
from simqueue.report.subjects import subjects_in, subjects_of
from simqueue.report.words import words

_WORDS_MAX = 4_000

Mark = Literal[
    "", "change", "note", "life", "ready", "fault", "killed", "log", "error", "broken", "chosen"
]
"""The mark of an event in its lane; events that lines and bars show have none."""

_MARKS: dict[type, Mark] = {
    e.StatementFailed: "error",
    e.ConnectionLost: "fault",
    e.ConnectionRefused: "fault",
    e.PoolExhausted: "fault",
    e.PoolServed: "life",
    e.NotificationSent: "note",
    e.TableChanged: "note",
    e.WorkerStarted: "life",
    e.WorkerReady: "ready",
    e.WorkerStopping: "fault",
    e.WorkerExited: "life",
    e.WorkerCrashed: "killed",
    e.WorkerPaused: "fault",
    e.WorkerResumed: "life",
    e.ClockSet: "fault",
    e.TasksLeaked: "error",
    e.ErrorIgnored: "error",
    e.HandlerRaised: "error",
    e.LogLine: "log",
    e.TaskFailed: "error",
    e.ScenarioChose: "chosen",
    e.LoopBlocked: "",
    e.ServerCrashed: "killed",
    e.ServerRestarted: "fault",
    e.FaultStruck: "fault",
    e.Healed: "life",
    e.Reached: "life",
    e.InvariantBroken: "broken",
}
_STATEMENT = (
    e.StatementSent,
    e.StatementHeld,
    e.StatementCommitted,
    e.StatementFailed,
    e.StatementReplied,
)


class Texts(msgspec.Struct, frozen=True):
    """A column of texts: for each event the place in ``texts``, which holds each text once."""

    texts: list[str]
    of: list[int]


class Events(msgspec.Struct, frozen=True):
    """The events, a list for each of their properties.

    On a page that leaves events out, a gap between others counts as one, of the kind ``left_out``,
    and ``numbers`` has the number that each has in the log, or the first one of a gap.
    """

    at: list[int]
    who: Texts
    where: Texts
    kind: Texts
    mark: Texts
    words: Texts
    cause: list[int]
    routine: list[int]
    statement: list[int]
    about: list[list[str]]
    numbers: list[int] | msgspec.UnsetType = msgspec.UNSET


class Data(msgspec.Struct, frozen=True):
    """The data that the script reads; processes and subjects are given by name.

    A deviation is its instant and its event. Where events are left out, ``size`` is how many there
    are in the log, ``deviated`` how many deviations, and each has its number among them as well.
    """

    events: Events
    processes: list[str]
    labels: dict[str, str]
    involved: list[str]
    managers: dict[str, str]
    lanes: Lanes
    history: History
    deviations: list[tuple[int, ...]]
    named: list[int]
    failure: int
    stated: bool = msgspec.field(name="said")
    hop: int
    end: int
    size: int | msgspec.UnsetType = msgspec.UNSET
    deviated: int | msgspec.UnsetType = msgspec.UNSET


def tell_data(trace: Trace, changes: Sequence[Change], story: PageStory) -> Data:
    """Return everything that the page shows of a run, besides its story."""
    return tell_whole(trace, changes, story, Course(trace.events))


def tell_whole(trace: Trace, changes: Sequence[Change], story: PageStory, course: Course) -> Data:
    """Return the same with the index of the trace's log, ``course``."""
    managers = managers_in(trace.events)
    events = tell_events(course, course.entries)
    failing = [] if story.failure is None else events.about[story.failure]
    return Data(
        events=events,
        processes=processes_of(course, course.entries),
        labels=labels_of(course, course.entries),
        involved=[subject_key(subject) for subject in story.involved] or failing,
        managers=managers,
        lanes=lay_lanes(course, changes),
        history=tell_history(changes, naming(managers)),
        deviations=[(each.at, each.event) for each in story.deviations],
        named=story.named,
        failure=NOT_YET if story.failure is None else story.failure,
        stated=story.stated,
        hop=max(1, trace.config.hop.seconds * 1_000_000 + trace.config.hop.microseconds),
        end=trace.outcome.simulated,
    )


def naming(managers: dict[str, str]) -> Callable[[str], str]:
    """Return a function that names a manager by its worker, if that is known."""

    def name(manager: str) -> str:
        return f"{managers[manager]} ({manager[:8]})" if manager in managers else manager

    return name


def tell_events(course: Course, entries: Sequence[Entry]) -> Events:
    """Return the columns of some of a course's entries."""

    def column(of: Callable[[Entry], int]) -> list[int]:
        return [of(entry) for entry in entries]

    def texts(of: Callable[[Entry], str]) -> Texts:
        places: dict[str, int] = {}
        column = [places.setdefault(of(entry), len(places)) for entry in entries]
        return Texts(list(places), column)

    return Events(
        at=column(lambda entry: entry.at),
        who=texts(lambda entry: entry.worker),
        where=texts(course.process_of),
        kind=texts(lambda entry: kind_of_event(entry.event)),
        mark=texts(lambda entry: _mark(entry.event)),
        words=texts(lambda entry: _short(course.plain(words(entry.event)))),
        cause=column(lambda entry: NOT_YET if entry.cause is None else entry.cause),
        routine=column(lambda entry: int(is_routine(entry.event))),
        statement=column(lambda entry: _statement(course, entry)),
        about=[_about(course, entry) for entry in entries],
    )


def _about(course: Course, entry: Entry) -> list[str]:
    """Return the jobs and schedules of an event; for a verdict those that it names."""
    subjects = subjects_of(entry.event)
    if isinstance(entry.event, e.InvariantBroken):
        cause = None if entry.cause is None else course.entries[entry.cause]
        subjects = subjects_in(entry.event.message) or (
            [] if cause is None else subjects_of(cause.event)
        )
    return [subject_key(each) for each in subjects]


def _mark(event: e.AnyEvent) -> Mark:
    return _MARKS.get(type(event), "change" if isinstance(event, e.StoreEvent) else "")


def _short(text: str) -> str:
    if len(text) <= _WORDS_MAX:
        return text
    return f"{text[:_WORDS_MAX]}... ({len(text)} characters)"


def _statement(course: Course, entry: Entry) -> int:
    passage = course.passage_of(entry)
    return NOT_YET if passage is None else passage.number


def processes_of(course: Course, entries: Iterable[Entry]) -> list[str]:
    """Return the lanes of processes: the server, workers in order of start, then the others."""
    seen, others = dict.fromkeys(["server"]), dict[str, None]()
    for each in entries:
        if isinstance(each.event, e.WorkerStarted):
            seen[each.worker] = None
        others.update(dict.fromkeys((each.worker, course.process_of(each))))
    return list(seen | others)


def managers_in(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the workers of managers, by the managers' UUIDs."""
    return {
        entry.event.manager: entry.worker
        for entry in entries
        if isinstance(entry.event, e.WorkerReady) and entry.event.manager
    }


def labels_of(course: Course, entries: Iterable[Entry]) -> dict[str, str]:
    """Return jobs and schedules by their keys, with their entrypoints, in order."""
    subjects: set[Subject] = set()
    for entry in entries:
        subjects.update(subjects_of(entry.event))
    return {subject_key(each): course.label(*each) for each in sorted(subjects)}
