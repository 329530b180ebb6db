"""Lanes: everything drawn over time, each item by the numbers of its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.rows import JobRow, LogRow, ScheduleRow
from simqueue.report.log_index import Course, Subject
from simqueue.report.page.history import Change
from simqueue.report.story.heartbeat_gap import silent_since
from simqueue.report.subjects import subjects_of
from simqueue.report.words import statement_words

NOT_YET = -1
"""Stands for an event that the log does not have, or for no worker."""

_ENDS = ("successful", "exception", "canceled", "deleted")


class Hops(msgspec.Struct, frozen=True, array_like=True):
    """A statement's way: sent by ``who``, executed, committed or failed, replied to.

    ``lost`` says that its connection broke before its reply came.
    """

    number: int
    who: str
    title: str
    sent: int
    executed: int
    ended: int
    replied: int
    failed: bool
    lost: bool


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A notification's way from the server to ``who``, where it was delivered or dropped."""

    who: str
    sent: int
    heard: int
    dropped: bool


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """A state of a worker or a row, from one event to another or to the log's end.

    ``whose`` is a worker's name or a job or a schedule, ``by`` the worker it was with.
    """

    whose: str
    what: str
    since: int
    until: int
    by: str = ""


class Stall(msgspec.Struct, frozen=True, array_like=True):
    """Nothing of a worker runs from an event until an instant."""

    who: str
    since: int
    until: int
    what: Literal["paused", "blocked"]


class Lanes(msgspec.Struct, frozen=True):
    """Everything that is drawn besides the events themselves."""

    statements: list[Hops]
    notes: list[Note]
    lives: list[Stretch]
    stalls: list[Stall]
    runs: list[Stretch]
    states: list[Stretch]
    silences: list[Stretch]


def subject_key(subject: Subject) -> str:
    """Return a job or a schedule as one word: ``job 3``."""
    return f"{subject[0]} {subject[1]}"


def lay_lanes(course: Course, changes: Sequence[Change]) -> Lanes:
    """Return the content of a run's lanes."""
    entries = course.entries
    return Lanes(
        statements=list(_statements(course)),
        notes=list(_notes(entries)),
        lives=list(_lives(entries)),
        stalls=list(_stalls(entries)),
        runs=list(_runs(entries)),
        states=list(_states(changes)),
        silences=list(_silences(entries)),
    )


def _statements(course: Course) -> Iterator[Hops]:
    def number(step: tuple[int, Entry] | None) -> int:
        return NOT_YET if step is None else step[0]

    lost = {
        entry.event.statement
        for entry in course.entries
        if isinstance(entry.event, e.ConnectionLost)
    }
    for each in course.statements.values():
        failed = each.ended is not None and isinstance(each.ended[1].event, e.StatementFailed)
        yield Hops(
            each.number, each.worker, statement_words(each.name), number(each.sent),
            number(each.executed), number(each.ended), number(each.replied), failed,
            each.number in lost,
        )  # fmt: skip


def _notes(entries: Sequence[Entry]) -> Iterator[Note]:
    for number, entry in enumerate(entries):
        match entry.event:  # partial: most events do not matter here
            case e.NotificationDelivered(_, sent):
                yield Note(entry.worker, sent, number, dropped=False)
            case e.NotificationDropped(_, sent):
                yield Note(entry.worker, sent, number, dropped=True)


def _lives(entries: Sequence[Entry]) -> Iterator[Stretch]:
    alive: dict[str, int] = {}
    for number, entry in enumerate(entries):
        match entry.event:  # partial: most events do not matter here
            case e.WorkerStarted():
                alive[entry.worker] = number
            case e.WorkerExited() | e.WorkerCrashed() if entry.worker in alive:
                crashed = isinstance(entry.event, e.WorkerCrashed)
                how = "crashed" if crashed else "ended"
                yield Stretch(entry.worker, how, alive.pop(entry.worker), number)
    for worker, since in alive.items():
        yield Stretch(worker, "alive", since, NOT_YET)


def _stalls(entries: Sequence[Entry]) -> Iterator[Stall]:
    paused: dict[str, Stall] = {}
    for number, entry in enumerate(entries):
        match entry.event:  # partial: most events do not matter here
            case e.LoopBlocked(duration, thread=False):
                yield Stall(entry.worker, number, entry.at + duration, "blocked")
            case e.WorkerPaused(duration):
                stall = Stall(entry.worker, number, entry.at + duration, "paused")
                yield from _ended(paused, entry.worker, entry.at)
                paused[entry.worker] = stall
            case e.WorkerResumed() | e.WorkerCrashed():
                yield from _ended(paused, entry.worker, entry.at)
    yield from paused.values()


def _ended(paused: dict[str, Stall], worker: str, at: int) -> Iterator[Stall]:
    stall = paused.pop(worker, None)
    if stall is not None:
        yield msgspec.structs.replace(stall, until=min(stall.until, at))


def _runs(entries: Sequence[Entry]) -> Iterator[Stretch]:
    """Yield the handlers' runs; those of a killed worker end where it was killed."""
    running: dict[tuple[str, str], list[int]] = {}
    for number, entry in enumerate(entries):
        match entry.event:  # partial: most events do not matter here
            case e.HandlerStarted() as event:
                running.setdefault((entry.worker, _task(event)), []).append(number)
            case e.HandlerFinished() | e.HandlerRaised() as event:
                begun = running.get((entry.worker, _task(event)))
                how = "finished" if isinstance(event, e.HandlerFinished) else "raised"
                if begun:
                    yield Stretch(_task(event), how, begun.pop(0), number, entry.worker)
            case e.WorkerCrashed() | e.WorkerStarted():
                yield from _cut(running, entry.worker, number)
    for (worker, task), begun in running.items():
        yield from (Stretch(task, "running", since, NOT_YET, worker) for since in begun)


def _cut(running: dict[tuple[str, str], list[int]], worker: str, number: int) -> Iterator[Stretch]:
    for whose in [each for each in running if each[0] == worker]:
        for since in running.pop(whose):
            yield Stretch(whose[1], "cut off", since, number, worker)


def _task(event: e.HandlerStarted | e.HandlerFinished | e.HandlerRaised) -> str:
    return subject_key(*subjects_of(event))


def _silences(entries: Sequence[Entry]) -> Iterator[Stretch]:
    """Yield how long jobs and schedules were silent before they were taken over."""
    for number, entry in enumerate(entries):
        since = silent_since(entries, number)
        if since is not None:
            for subject in subjects_of(entry.event):
                yield Stretch(subject_key(subject), "silent", since, number)


def _states(changes: Iterable[Change]) -> Iterator[Stretch]:
    """Yield the statuses that jobs and schedules have had in their tables, and with whom.

    How a job ended is a stretch without length, for it is in the queue no more.
    """
    begun: dict[str, Stretch] = {}
    for change in changes:
        row = change.row
        if isinstance(row, LogRow) and change.before is None and row.status in _ENDS:
            yield Stretch(f"job {row.job_id}", row.status, change.event, change.event)
        if not isinstance(row, (JobRow, ScheduleRow)):
            continue
        whose = f"{'job' if isinstance(row, JobRow) else 'schedule'} {row.id}"
        before = begun.get(whose)
        if change.after is not None and before is not None and _same(before, row):
            continue
        if before is not None:
            yield msgspec.structs.replace(begun.pop(whose), until=change.event)
        if change.after is not None:
            begun[whose] = Stretch(whose, row.status, change.event, NOT_YET, _manager(row))
    yield from begun.values()


def _same(before: Stretch, row: JobRow | ScheduleRow) -> bool:
    return (before.what, before.by) == (row.status, _manager(row))


def _manager(row: JobRow | ScheduleRow) -> str:
    return (row.queue_manager_id or "") if isinstance(row, JobRow) else ""
