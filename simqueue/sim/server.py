"""The simulated PostgreSQL server: it commits statements one at a time and sends notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

from simqueue.errors import PostgresError
from simqueue.model.events import (
    JobLogged,
    JobRetried,
    Listening,
    NotificationSent,
    StatementCommitted,
    StatementFailed,
    StoreEvent,
    TableChanged,
)
from simqueue.model.ids import EntryNumber, Instant, StatementId
from simqueue.sim.recorder import Recorder
from simqueue.sim.scheduler import Scheduler
from simqueue.sim.tidy import Tidier
from simqueue.store import Names, Statement, Tables, apply, render_table_changed

if TYPE_CHECKING:
    from simqueue.sim.connection import SimulatedConnection

T = TypeVar("T")

_WITH_TRACEBACK = (JobLogged, JobRetried)


class Server:
    """Holds the tables and the sessions that listen.

    A statement is decided, applied and answered at the one instant it reaches the server; what
    takes time is the way there and back.
    """

    def __init__(self, scheduler: Scheduler, recorder: Recorder, names: Names) -> None:
        self.scheduler = scheduler
        self.recorder = recorder
        self.names = names
        self.tables = Tables(names)
        self.process = scheduler.spawn("server")
        self._tidy = Tidier()
        self._statements = 0
        self._sessions: dict[str, dict[SimulatedConnection, None]] = {}
        self._committed: list[Callable[[], None]] = []

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

    def execute(
        self, statement: Statement[T], number: StatementId, worker: str, cause: EntryNumber
    ) -> T:
        """Run one statement now on behalf of ``worker``; raise what the server would answer."""
        now = Instant(self.scheduler.now)
        try:
            events = [self._tidied(event) for event in statement.decide(self.tables, now)]
        except PostgresError as error:
            failed = StatementFailed(number, error.sqlstate, error.message)
            self._apply(worker, error.leaves, self.recorder.append(worker, failed, cause))  # type: ignore[arg-type]
            raise
        committed = self.recorder.append(worker, StatementCommitted(number), cause)
        self._apply(worker, events, committed)
        return statement.answer(self.tables, now, events)

    def _apply(self, worker: str, events: Iterable[StoreEvent], cause: EntryNumber) -> None:
        now = Instant(self.scheduler.now)
        sent: list[tuple[EntryNumber, str, str]] = []
        for event in events:
            apply(self.tables, now, event)
            number = self.recorder.append(worker, event, cause)
            if isinstance(event, TableChanged):
                payload = render_table_changed(self.names, event.operation, now)
                sent.append((number, self.names.channel, payload))
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

    # --- sessions ---

    def listen(self, connection: SimulatedConnection, channel: str) -> None:
        """Send the connection what is notified on ``channel`` from now on."""
        if connection.closed:
            return  # The request was on its way when the client died.
        self._sessions.setdefault(channel, {})[connection] = None
        self.recorder.append(connection.process.worker, Listening(connection.name, channel))

    def unlisten(self, connection: SimulatedConnection, channel: str) -> None:
        """Send the connection nothing more of ``channel``."""
        if self._sessions.get(channel, {}).pop(connection, self) is None:
            worker = connection.process.worker
            self.recorder.append(worker, Listening(connection.name, channel, on=False))

    def disconnect(self, connection: SimulatedConnection) -> None:
        """Forget the session of a connection whose client is gone."""
        for channel in sorted(self._sessions):
            self.unlisten(connection, channel)
