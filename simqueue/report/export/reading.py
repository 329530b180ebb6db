"""A reading of a run: its processes, statements and handlers, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import Instant, StatementId
from simqueue.model.trace import Trace
from simqueue.report.export.status_spans import Row, Stays
from simqueue.report.log_index import Course, Numbered, Passage, Subject

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ending = Literal["done", "failed", "lost", "killed", "unfinished"]
"""How something ended: ``lost`` with its connection, ``killed`` with its process, ``unfinished``
when the log does."""


@dataclass(slots=True)
class Handling:
    """A handler's run of a job or a schedule.

    ``row`` is the job or schedule, ``repeats`` the previous run of the same job.
    """

    worker: str
    entrypoint: str
    subject: Subject
    began: Numbered
    end: Instant
    row: Row | None
    manager: str | None
    repeats: Handling | None
    ending: Ending = "unfinished"
    error: str = ""


@dataclass(slots=True)
class Life:
    """A process from its start to its end."""

    worker: str
    incarnation: int
    began: Numbered
    end: Instant
    ending: Ending = "unfinished"
    error: str = ""


@dataclass(slots=True)
class Message:
    """A notification that reached a client, or found its connection gone."""

    connection: str
    sent: int
    heard: Numbered
    dropped: bool


@dataclass(slots=True)
class Asked:
    """A statement, and when its client stopped waiting for the reply."""

    passage: Passage
    end: Instant
    ending: Ending


class Reading:
    """What lasted how long in a run, each kind in the order of the log."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.course = Course(trace.events)
        self.end = trace.events[-1].at if trace.events else Instant(0)
        self.handlings: list[Handling] = []
        self.lives: list[Life] = []
        self.messages: list[Message] = []
        self.stays = Stays(self.end)
        self._running: dict[int, Handling] = {}
        self._handled: dict[Subject, Handling] = {}
        self._alive: dict[str, Life] = {}
        self._waiting: dict[str, set[StatementId]] = {}
        self._given_up: dict[StatementId, tuple[Instant, Ending]] = {}
        for numbered in enumerate(trace.events):
            if isinstance(numbered[1].event, e.StoreEvent):
                self.stays.read(numbered)
            else:
                self._read_exchange(numbered)
                self._read_doing(numbered)

    def date(self, at: Instant) -> datetime:
        """Return an instant of the run as its clocks showed it."""
        return _UNIX_EPOCH + timedelta(microseconds=self.trace.config.epoch_us + at)

    @property
    def asked(self) -> list[Asked]:
        """The statements."""
        return [self._ended(passage) for passage in self.course.statements.values()]

    def _ended(self, passage: Passage) -> Asked:
        if passage.replied is None:
            return Asked(passage, *self._given_up.get(passage.number, (self.end, "unfinished")))
        last = passage.ended and passage.ended[1].event
        failed = isinstance(last, e.StatementFailed)
        return Asked(passage, passage.replied[1].at, "failed" if failed else "done")

    def _read_exchange(self, numbered: Numbered) -> None:
        entry = numbered[1]
        match entry.event:  # partial: most events do not matter here
            case e.StatementSent(statement):
                self._waiting.setdefault(entry.worker, set()).add(statement)
            case e.StatementReplied(statement):
                self._waiting.get(entry.worker, set()).discard(statement)
            case e.ConnectionLost(_, statement) if statement is not None:
                self._given_up.setdefault(statement, (entry.at, "lost"))
            case e.NotificationDelivered(connection, sent):
                self.messages.append(Message(connection, sent, numbered, dropped=False))
            case e.NotificationDropped(connection, sent):
                self.messages.append(Message(connection, sent, numbered, dropped=True))

    def _read_doing(self, numbered: Numbered) -> None:
        entry = numbered[1]
        match entry.event:  # partial: most events do not matter here
            case e.HandlerStarted():
                self._start(entry.event, numbered)
            case e.HandlerFinished():
                self._finish(entry, "done", "")
            case e.HandlerRaised(_, error):
                self._finish(entry, "failed", error)
            case e.WorkerStarted(incarnation):
                self._alive[entry.worker] = Life(entry.worker, incarnation, numbered, self.end)
                self.lives.append(self._alive[entry.worker])
            case e.WorkerExited(error):
                self._leave(entry, "done" if error is None else "failed", error or "")
            case e.WorkerCrashed():
                self._leave(entry, "killed", "")

    def _start(self, event: e.HandlerStarted, numbered: Numbered) -> None:
        number, entry = numbered
        noun = "schedule" if event.job_id is None else "job"
        subject = noun, event.schedule_id or 0 if event.job_id is None else event.job_id
        row, before = self.stays.latest.get(subject), self._handled.get(subject)
        again = noun == "job" and before is not None and before.row is row
        picked = None if entry.cause is None else self.trace.events[entry.cause].event
        handling = Handling(
            worker=entry.worker,
            entrypoint=event.entrypoint,
            subject=subject,
            began=numbered,
            end=self.end,
            row=row,
            manager=picked.manager if isinstance(picked, e.JobPicked) else None,
            repeats=before if again else None,
        )
        self._running[number] = self._handled[subject] = handling
        self.handlings.append(handling)

    def _finish(self, entry: Entry, ending: Ending, error: str) -> None:
        handling = None if entry.cause is None else self._running.pop(entry.cause, None)
        if handling is not None:
            handling.end, handling.ending, handling.error = entry.at, ending, error

    def _leave(self, entry: Entry, ending: Ending, error: str) -> None:
        """End a process and everything that it had not finished."""
        life = self._alive.pop(entry.worker, None)
        if life is not None:
            life.end, life.ending, life.error = entry.at, ending, error
        for number, handling in list(self._running.items()):
            if handling.worker == entry.worker:
                del self._running[number]
                handling.end, handling.ending = entry.at, "killed"
        for statement in self._waiting.pop(entry.worker, set()):
            self._given_up.setdefault(statement, (entry.at, "killed"))
