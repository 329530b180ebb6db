"""The log of a run, indexed by statements, connections, faults, jobs and schedules."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simqueue.model import events as e
from simqueue.model.choice_key import spelled
from simqueue.model.events import Entry
from simqueue.model.ids import StatementId
from simqueue.report.effects import render_effects
from simqueue.report.managers import Managers
from simqueue.report.units import span
from simqueue.report.words import called, statement_words, task_words, words

Numbered = tuple[int, Entry]
"""An entry and its number in the log."""

Subject = tuple[str, int]
"""A job or a schedule: ``("job", 3)``."""

_QUESTIONS = {"queued_work", "eligible_queued_work", "next_deferred_eta"}
_SEARCHES = {"dequeue", "fetch_schedule"}
_PAYLOADS = {"cancellation_event": "cancellation", "health_check_event": "health check"}
"""PgQueuer's notifications besides those of table changes, as its payloads name them."""

_OF_THE_SERVER = (e.StatementHeld, e.StatementCommitted, e.StatementFailed, e.Listening)


@dataclass(slots=True)
class Passage:
    """The entries of one statement; each is None as long as it has not occurred.

    ``executed`` is the server's first entry about it, ``ended`` its commit or its failure.
    """

    number: StatementId
    connection: str
    name: str
    worker: str
    sent: Numbered
    executed: Numbered | None = None
    ended: Numbered | None = None
    replied: Numbered | None = None
    did: list[Entry] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its worker and its kind: ``a's heartbeat``."""
        return f"{called(self.worker)}'s {statement_words(self.name)}"

    @property
    def answer(self) -> str:
        """The answer to a query, or ``""``."""
        if self.replied is None or self.name not in _QUESTIONS:
            return ""
        number = getattr(self.replied[1].event, "answer", None)
        if not number:
            return "none" if self.name == "next_deferred_eta" or number == 0 else ""
        if self.name == "next_deferred_eta":
            return f"one is due in {span(number)}"
        return str(number) if number > 1 else "one or more"

    @property
    def result(self) -> str:
        """Its effect; ``""`` if it has none to report."""
        if self.ended is not None and isinstance(self.ended[1].event, e.StatementFailed):
            return f"fails with {self.ended[1].event.sqlstate}"
        effects = render_effects(self.did)
        searched = self.name in _SEARCHES and self.ended is not None
        return effects or ("finds nothing" if searched else "")

    @property
    def short(self) -> str:
        """``a's heartbeat (refreshes the heartbeat of job 3)``."""
        return f"{self.title} ({self.result})" if self.result else self.title

    @property
    def full(self) -> str:
        """``a's heartbeat (statement 41: refreshes the heartbeat of job 3)``."""
        return f"{self.title} {self.details}"

    @property
    def own(self) -> str:
        """In a sentence about its worker: ``its heartbeat (statement 41: ...)``."""
        return f"its {statement_words(self.name)} {self.details}"

    @property
    def details(self) -> str:
        """``(statement 41: refreshes the heartbeat of job 3)``."""
        return f"(statement {self.number}{': ' if self.result else ''}{self.result})"


class Course:
    """A run's entries and its statements, by number and by connection."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.statements: dict[StatementId, Passage] = {}
        self._of_commit: dict[int, Passage] = {}
        self._entrypoints: dict[tuple[str, int], str] = {}
        self._managers = Managers(entries)
        self._sent_over: dict[tuple[str, str], list[Passage]] = {}
        self._doings: dict[str, list[Numbered]] = {}
        self.strikes: dict[str, list[Numbered]] = {}
        """The entries of the log about each kind of fault."""
        self.heard: dict[str, list[Numbered]] = {}
        """The notifications that were delivered to each connection, or lost with it, in order."""
        self.promised: list[tuple[int, int, str, int]] = []
        """What will be due: when, by which entry, ``"job"`` or ``"schedule"``, its number."""
        self._names = {spelled(entry.worker): entry.worker for entry in entries}
        for number, entry in enumerate(entries):
            self._read(number, entry)
        self.promised.sort()

    def _read(self, number: int, entry: Entry) -> None:
        match entry.event:  # partial: most events do not matter here
            case e.StatementSent(statement, connection, name):
                sent = Passage(statement, connection, name, entry.worker, (number, entry))
                self.statements[statement] = sent
                self._sent_over.setdefault((spelled(connection), name), []).append(sent)
            case e.StatementHeld(statement):
                self._executed(statement, number, entry)
            case e.StatementCommitted(statement) | e.StatementFailed(statement):
                passage = self._executed(statement, number, entry)
                if passage is not None:
                    passage.ended = number, entry
                    self._of_commit[number] = passage
            case e.StatementReplied(statement):
                if statement in self.statements:
                    self.statements[statement].replied = number, entry
            case _:
                self._note(number, entry)

    def _note(self, number: int, entry: Entry) -> None:
        match entry.event:  # partial: most events do not matter here
            case e.FaultStruck(fault):
                self.strikes.setdefault(fault, []).append((number, entry))
            case e.NotificationDelivered(connection) | e.NotificationDropped(connection):
                self.heard.setdefault(spelled(connection), []).append((number, entry))
            case e.HandlerStarted() | e.HandlerFinished() | e.HandlerRaised() | e.WorkerStarted():
                self._doings.setdefault(entry.worker, []).append((number, entry))
            case event if isinstance(event, e.StoreEvent):
                self._decided(number, entry)

    def _decided(self, number: int, entry: Entry) -> None:
        for due, noun, whose in _promises(entry):
            self.promised.append((due, number, noun, whose))
        match entry.event:  # partial: most events do not matter here
            case e.JobEnqueued(job_id, entrypoint):
                self._entrypoints["job", job_id] = entrypoint
            case e.ScheduleInserted(schedule_id, _, entrypoint):
                self._entrypoints["schedule", schedule_id] = entrypoint
        passage = None if entry.cause is None else self._of_commit.get(entry.cause)
        if passage is not None:
            passage.did.append(entry)

    def _executed(self, statement: StatementId, number: int, entry: Entry) -> Passage | None:
        passage = self.statements.get(statement)
        if passage is not None and passage.executed is None:
            passage.executed = number, entry
        return passage

    def name_of(self, word: str) -> str:
        """Return the name of the process that choice keys spell like this."""
        return self._names.get(word, word)

    def passage_of(self, entry: Entry) -> Passage | None:
        """Return the statement that an entry is about, or that it is a change of."""
        statement = getattr(entry.event, "statement", None)
        if statement is not None:
            return self.statements.get(statement)
        return None if entry.cause is None else self._of_commit.get(entry.cause)

    def sequel(self, passage: Passage) -> Entry | None:
        """Return a reply's immediate effect: a handler's start, else the connection's next use."""
        used: Entry | None = None
        for _, entry in () if passage.replied is None else self.since(passage.replied[0]):
            if passage.replied is None or entry.at > passage.replied[1].at:
                break
            match entry.event:  # partial: most events do not matter here
                case e.HandlerStarted() if entry.worker == passage.worker:
                    return entry
                case e.StatementSent(_, connection) if connection == passage.connection:
                    used = used or entry
        return used

    def sent_over(self, word: str, name: str, before: int) -> Iterator[Passage]:
        """Yield a connection's statements of that name sent before an entry, the last one first."""
        sent = self._sent_over.get((word, name), [])
        yield from reversed(sent[: bisect_left(sent, before, key=lambda each: each.sent[0])])

    def since(self, number: int) -> Iterator[Numbered]:
        """Yield the entries from ``number`` on."""
        for place in range(max(0, number), len(self.entries)):
            yield place, self.entries[place]

    def first_at(self, at: int) -> int:
        """Return the number of the first entry of an instant."""
        return bisect_left(self.entries, at, key=lambda entry: entry.at)

    def process_of(self, entry: Entry) -> str:
        """Return the name of the process in which it happened."""
        if isinstance(entry.event, (e.StoreEvent, *_OF_THE_SERVER)):
            return "server"
        return "supervisor" if isinstance(entry.event, e.WorkerStarted) else entry.worker

    def plain(self, text: str) -> str:
        """Return a text with managers called by their workers' names."""
        return self._managers.plain(text)

    def label(self, noun: str, number: int) -> str:
        """Return a job or a schedule with its entrypoint: ``job 3 (charge)``."""
        entrypoint = self._entrypoints.get((noun, number))
        return f"{noun} {number}" + (f" ({entrypoint})" if entrypoint else "")

    def notification(self, sent: int) -> str:
        """Return a notification and its cause: ``of the insert by a's enqueue``."""
        entry = self.entries[sent]
        passage = self.passage_of(entry)
        by = "" if passage is None else f" by {passage.short}"
        match entry.event:  # partial: most events do not matter here
            case e.TableChanged(operation):
                return f"of the {operation}{by}"
            case e.NotificationSent(_, payload):
                kind = next((_PAYLOADS[kind] for kind in _PAYLOADS if kind in payload), "message")
                return f"of the {kind}{by}"
            case _:
                return f"#{sent}"

    def clause(self, entry: Entry) -> str:
        """Return a clause about an entry's process, ``sends its heartbeat (statement 41)``."""
        passage = self.passage_of(entry)
        if isinstance(entry.event, e.NotificationDelivered):
            return f"hears {self.notification(entry.event.sent)}"
        return words(entry.event) if passage is None else _clause(entry, passage)

    def running(self, worker: str, number: int) -> list[tuple[Subject, str]]:
        """Return the jobs and schedules whose handlers a worker runs at an entry, and their words.

        They are in the order in which they began.
        """
        begun: Counter[tuple[Subject, str]] = Counter()
        for place, entry in self._doings.get(worker, ()):
            if place >= number:
                break
            match entry.event:  # partial: most events do not matter here
                case e.HandlerStarted() as event:
                    begun[_subject(event), task_words(event)] += 1
                case e.HandlerFinished() | e.HandlerRaised() as event:
                    begun[_subject(event), task_words(event)] -= 1
                case e.WorkerStarted():
                    begun.clear()
        return list(+begun)


def _subject(event: e.HandlerStarted | e.HandlerFinished | e.HandlerRaised) -> Subject:
    if event.job_id is not None:
        return "job", event.job_id
    return "schedule", event.schedule_id or 0


def _clause(entry: Entry, passage: Passage) -> str:
    match entry.event:  # partial: most events do not matter here
        case e.StatementSent():
            return f"sends {passage.own}"
        case e.StatementReplied():
            return f"gets the reply to {passage.own}"
        case e.StatementCommitted():
            return f"executes {passage.full}"
        case e.StatementHeld(_, None):
            return f"executes {passage.full}, which commits later"
        case e.StatementHeld():
            return f"has {passage.full} wait for a lock"
        case _:
            return words(entry.event)


def _promises(entry: Entry) -> Iterator[tuple[int, str, int]]:
    """Yield what will be due by an entry: when, and which job or schedule."""
    match entry.event:  # partial: most events do not matter here
        case e.ScheduleInserted(schedule_id, _, _, due) | e.SchedulePicked(schedule_id, _, due):
            yield due, "schedule", schedule_id
        case e.JobEnqueued(job_id, _, _, due) | e.JobRetried(job_id, due) if due > entry.now:
            yield due, "job", job_id
