"""The simulated PostgreSQL server: it executes and commits statements, and sends notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from simqueue.adapter.naming import Client, Naming
from simqueue.errors import PostgresError, RefusedError
from simqueue.model.events import (
    AnyEvent,
    JobLogged,
    JobRetried,
    Listening,
    NotificationSent,
    ServerRestarted,
    StatementCommitted,
    StatementFailed,
    StatementHeld,
    StoreEvent,
    TableChanged,
)
from simqueue.model.ids import EntryNumber, Instant, StatementId
from simqueue.sim.code.refusing import refusal
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.recorder import Recorder
from simqueue.sim.kernel.scheduler import Scheduler
from simqueue.sim.text.masking import Tidier
from simqueue.store import (
    Names,
    Rejection,
    Semantics,
    Statement,
    Tables,
    Transaction,
    Transactions,
    apply,
    decide_crash,
    rejected,
    render_table_changed,
)

T = TypeVar("T")

_WITH_TRACEBACK = (JobLogged, JobRetried)
_DEADLOCK_TIMEOUT_US = 1_000_000
"""How long a statement waits before the server looks for a deadlock: PostgreSQL's default."""


class Session(Protocol):
    """A client's connection, as the server sees it."""

    name: str
    process: Process
    closed: bool

    def notify(self, sent: EntryNumber, channel: str, payload: str) -> None:
        """Send a notification to the client."""

    def lose(self) -> None:
        """Break the connection."""

    def left_by(self, process: Process) -> None:
        """Note that a process that may have used the connection has ended."""


@dataclass(eq=False, slots=True)
class Request(Generic[T]):
    """A statement that has reached the server.

    ``sent``          the entry of the event log that records that it was sent
    ``late``          picks how many microseconds after its execution it commits
    ``answer``        takes the client's answer, or the error
    ``spared``        no fault touches it
    ``lock_timeout``  how many microseconds it may wait for a lock; 0 is no limit
    """

    statement: Statement[T]
    number: StatementId
    worker: str
    sent: EntryNumber
    late: Callable[[], int]
    answer: Callable[[T | None, PostgresError | None], None]
    spared: bool = False
    commits_after: int | None = None
    waits: int = 0
    lock_timeout: int = 0


class Server:
    """Holds the tables and the sessions that listen.

    A statement is executed at the instant it reaches the server. Mostly it commits at the same
    instant; where the seed makes it commit later, statements in between overlap with it.
    """

    def __init__(
        self, scheduler: Scheduler, recorder: Recorder, names: Names, semantics: Semantics
    ) -> None:
        self.scheduler = scheduler
        self.recorder = recorder
        self.tables = Tables(names, semantics)
        self.naming = Naming(self.tables, _two_queues)
        self.process = scheduler.spawn("server")
        self._tidy = Tidier()
        self._statements = 0
        self._sessions: dict[str, dict[Session, None]] = {}
        self._committed: list[Callable[[], None]] = []
        self.connections: dict[Session, None] = {}
        self.incarnation = 1
        self.down_until = 0
        """The end of the time in which no client can connect."""
        self._transactions = Transactions(self.tables)
        self._requests: dict[Transaction[Any], Request[Any]] = {}

    def number(self) -> StatementId:
        """Return the number of a statement about to be sent."""
        self._statements += 1
        return StatementId(self._statements)

    @contextmanager
    def after_commit(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call ``callback()`` after each statement that changed something, while this lasts."""
        self._committed.append(callback)
        try:
            yield
        finally:
            self._committed.remove(callback)

    def execute(self, request: Request[Any]) -> None:
        """Execute a statement now; it commits and is answered now or later."""
        if len(self._transactions):
            self._overlap(request)
            return
        now, statement = Instant(self.scheduler.now), request.statement
        try:
            events = statement.decide(self.tables, now)
        except Rejection as rejection:
            self._fail(request, rejection)
            return
        late = request.late() if events else 0
        if late:
            self._overlap(request, late)
            return
        self._commit(request, now, events)

    def _overlap(self, request: Request[Any], late: int | None = None) -> None:
        """Execute a statement that may overlap with others before it commits."""
        request.commits_after = late
        transaction = self._transactions.begin(Instant(self.scheduler.now), request.statement)
        self._requests[transaction] = request
        self._go_on(transaction)

    def _go_on(self, transaction: Transaction[Any]) -> None:
        """Continue a statement: it waits, commits or fails."""
        request = self._requests[transaction]
        self._apply(request, transaction.drawn, transaction.now)
        transaction.drawn = []
        if transaction.rejection is not None:
            self._fail(request, transaction.rejection)
            self._finish(transaction)
        elif transaction.blocker is not None:
            blocker = self._requests[transaction.blocker].number
            self._say(request, StatementHeld(request.number, blocker))
            request.waits += 1
            look = partial(self._break_deadlock, request.waits)
            self._later(_DEADLOCK_TIMEOUT_US, look, transaction)
            if request.lock_timeout:
                give_up = partial(self._stop_waiting, request.waits)
                self._later(request.lock_timeout, give_up, transaction)
        else:
            if request.commits_after is None:
                request.commits_after = request.late() if transaction.events else 0
            if request.commits_after:
                self._say(request, StatementHeld(request.number))
            self._later(request.commits_after, self._commit_late, transaction)

    def _later(
        self, delay: int, step: Callable[[Transaction[Any]], None], transaction: Transaction[Any]
    ) -> None:
        if delay:
            self.scheduler.post(self.process, self.scheduler.now + delay, step, transaction)
        else:
            step(transaction)

    def _commit_late(self, transaction: Transaction[Any]) -> None:
        request = self._requests.get(transaction)
        if request is None:
            return  # The server crashed.
        self._commit(request, transaction.now, transaction.events)
        self._finish(transaction)

    def _break_deadlock(self, wait: int, transaction: Transaction[Any]) -> None:
        """Reject a statement that has waited for a while, if it is part of a deadlock."""
        request = self._requests.get(transaction)
        if request is not None and request.waits == wait and transaction.deadlocked:
            transaction.fail(rejected("40P01", "deadlock detected"))
            self._go_on(transaction)

    def _stop_waiting(self, wait: int, transaction: Transaction[Any]) -> None:
        """Reject a statement that has waited for one lock for as long as its session allows."""
        request = self._requests.get(transaction)
        if request is not None and request.waits == wait and transaction.blocker is not None:
            transaction.fail(rejected("55P03", "canceling statement due to lock timeout"))
            self._go_on(transaction)

    def cancel(self, number: StatementId, error: PostgresError) -> bool:
        """Roll back a statement that has not committed; return False if there is none."""
        for transaction, request in self._requests.items():
            if request.number == number:
                transaction.fail(Rejection(error))
                self._go_on(transaction)
                return True
        return False

    def _finish(self, transaction: Transaction[Any]) -> None:
        """End a statement, and continue those that waited for it."""
        del self._requests[transaction]
        for waiting in self._transactions.finish(transaction):
            if waiting.blocker is transaction:
                self._transactions.advance(waiting)
                self._go_on(waiting)

    def _commit(self, request: Request[Any], began: Instant, events: list[StoreEvent]) -> None:
        if not events:
            self._answer_unchanged(request, began)
            return
        committed = self._say(request, StatementCommitted(request.number))
        events = [self._tidied(event) for event in events]
        self._apply(request, events, began, committed)
        request.answer(request.statement.answer(self.tables, began, events), None)

    def _answer_unchanged(self, request: Request[Any], began: Instant) -> None:
        """Answer a statement that changes nothing; its arguments may be refused only now."""
        try:
            answer = request.statement.answer(self.tables, began, [])
        except Rejection as rejection:
            self._fail(request, rejection)
            return
        self._say(request, StatementCommitted(request.number))
        request.answer(answer, None)

    def _fail(self, request: Request[Any], rejection: Rejection) -> None:
        error = rejection.error
        failed = self._say(request, StatementFailed(request.number, error.sqlstate, error.message))
        self._apply(request, rejection.leaves, Instant(self.scheduler.now), failed)
        request.answer(None, error)

    def _say(self, request: Request[Any], event: AnyEvent) -> EntryNumber:
        return self.recorder.append(request.worker, event, request.sent)

    def _apply(
        self,
        request: Request[Any],
        events: Iterable[StoreEvent],
        began: Instant,
        cause: EntryNumber | None = None,
    ) -> None:
        """Change the tables; ``began`` is what ``NOW()`` was to the statement."""
        sent: list[tuple[EntryNumber, str, str]] = []
        earlier = None if began == self.scheduler.now else began
        cause = request.sent if cause is None else cause
        for event in events:
            apply(self.tables, began, event)
            number = self.recorder.append(request.worker, event, cause, earlier)
            if isinstance(event, TableChanged):
                payload = render_table_changed(self.tables.names, event.operation, began)
                sent.append((number, self.tables.names.channel, payload))
            elif isinstance(event, NotificationSent):
                sent.append((number, event.channel, event.payload))
        for number, channel, payload in sent:
            for session in self._sessions.get(channel, ()):
                session.notify(number, channel, payload)
        if events:
            for callback in list(self._committed):
                callback()

    def _tidied(self, event: StoreEvent) -> StoreEvent:
        """Take addresses and directories out of a traceback before it becomes a row."""
        if isinstance(event, _WITH_TRACEBACK) and event.traceback is not None:
            return msgspec.structs.replace(event, traceback=self._tidy(event.traceback))
        return event

    def crash(self) -> None:
        """Crash and restart at once.

        What has not committed never will, UNLOGGED tables are empty, and connections break. Spared
        connections stay, and their statements are executed again.
        """
        now = Instant(self.scheduler.now)
        interrupted = self._interrupt()
        for event in decide_crash(self.tables, now):
            apply(self.tables, now, event)
            self.recorder.append("server", event)
        self._come_up(interrupted)

    def restart(self) -> None:
        """Shut down properly and come up again: as after a crash, but no row is lost."""
        interrupted = self._interrupt()
        self.recorder.append("server", ServerRestarted())
        self._come_up(interrupted)

    def _interrupt(self) -> list[Request[Any]]:
        """Roll back the statements that have not committed; return them."""
        self.incarnation += 1
        interrupted = [self._requests[each] for each in self._transactions]
        for transaction in self._transactions:
            self._transactions.finish(transaction)
        self._requests.clear()
        return interrupted

    def _come_up(self, interrupted: Iterable[Request[Any]]) -> None:
        for connection in list(self.connections):
            connection.lose()
        for callback in list(self._committed):
            callback()
        for request in interrupted:
            if request.spared:
                self.execute(request)

    # --- sessions ---

    def listen(self, connection: Session, channel: str) -> None:
        """Send the connection the notifications on ``channel`` from now on."""
        if connection.closed:
            return  # The request was on its way when the client died.
        self._sessions.setdefault(channel, {})[connection] = None
        self.recorder.append(connection.process.worker, Listening(connection.name, channel))

    def unlisten(self, connection: Session, channel: str) -> None:
        """Send the connection nothing more of ``channel``."""
        if self._sessions.get(channel, {}).pop(connection, self) is None:
            worker = connection.process.worker
            self.recorder.append(worker, Listening(connection.name, channel, on=False))

    def disconnect(self, connection: Session) -> None:
        """Forget the session of a connection whose client is gone."""
        for channel in sorted(self._sessions):
            self.unlisten(connection, channel)


def _two_queues(ours: str, client: Client, theirs: str, first: Client) -> RefusedError:
    where = "" if first.place is None else f" (made at {first.place})"
    instead = (
        f"another client of this run{where} has {theirs}, and two prefixes in one run are not "
        "simulated yet: give all clients the same DBSettings. sim.queries follows the workers"
    )
    return refusal(f"a client with tables of its own, {ours},", instead, client.place or "")
