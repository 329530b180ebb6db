"""A database in real time: tables, and the sessions that listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from simqueue.adapter.installed import names_in_force, semantics_in_force
from simqueue.adapter.naming import Client, Naming
from simqueue.errors import UsageError
from simqueue.model.events import NotificationSent, StoreEvent, TableChanged
from simqueue.model.ids import Instant
from simqueue.store import (
    Rejection,
    Statement,
    Tables,
    apply,
    decide_crash,
    execute,
    render_table_changed,
)

T = TypeVar("T")

OnCommit = Callable[[Instant, list[StoreEvent]], None]
"""Takes the instant of a statement and its events."""


class Listener(Protocol):
    """A session that receives the notifications of the channels it listens to."""

    def notified(self, channel: str, payload: str) -> None:
        """Receive a notification."""
        ...


class Database:
    """One database; all drivers on it see the same tables.

    Args:
        clock: returns microseconds since the Unix epoch, never fewer than before; None is the wall
            clock.
        on_commit: called after each statement, before its notifications are sent.
    """

    def __init__(
        self, clock: Callable[[], Instant] | None = None, *, on_commit: OnCommit | None = None
    ) -> None:
        self.tables = Tables(names_in_force(0), semantics_in_force())
        self.naming = Naming(self.tables, _two_queues)
        self.incarnation = 1
        self._clock = clock or _AdvancingClock()
        self._on_commit = on_commit
        self._sessions: dict[str, dict[Listener, None]] = {}

    def execute(self, statement: Statement[T]) -> T:
        """Execute a statement now, send its notifications, and return its answer.

        Raises:
            PostgresError: the server rejects it.
        """
        now = self._clock()
        try:
            events, answer = execute(self.tables, now, statement)
        except Rejection as rejection:
            raise rejection.error from None
        if self._on_commit is not None:
            self._on_commit(now, events)
        if self._sessions:
            self._notify(now, events)
        return answer

    def crash(self) -> None:
        """Crash and come up again: UNLOGGED tables are empty, and open connections are broken."""
        now = self._clock()
        events = decide_crash(self.tables, now)
        for event in events:
            apply(self.tables, now, event)
        self.incarnation += 1
        self._sessions.clear()
        if self._on_commit is not None:
            self._on_commit(now, events)

    def _notify(self, now: Instant, events: Iterable[StoreEvent]) -> None:
        names = self.tables.names
        for event in events:
            if isinstance(event, TableChanged):
                if names.channel in self._sessions:
                    self._send(names.channel, render_table_changed(names, event.operation, now))
            elif isinstance(event, NotificationSent):
                self._send(event.channel, event.payload)

    def _send(self, channel: str, payload: str) -> None:
        for session in list(self._sessions.get(channel, ())):
            session.notified(channel, payload)

    def listen(self, session: Listener, channel: str) -> None:
        """Send ``session`` the notifications on ``channel`` from now on."""
        self._sessions.setdefault(channel, {})[session] = None

    def unlisten(self, session: Listener, channel: str) -> None:
        """Send ``session`` no more notifications on ``channel``."""
        sessions = self._sessions.get(channel, {})
        sessions.pop(session, None)
        if not sessions:
            self._sessions.pop(channel, None)


def _two_queues(ours: str, client: Client, theirs: str, first: Client) -> UsageError:
    return UsageError(
        f"a client uses {ours}, but another client of the same in-memory database uses {theirs}: "
        "give both the same DBSettings, or each a Database of its own"
    )


class _AdvancingClock:
    """The wall clock in microseconds, later at each reading.

    A job is due when the dequeue starts later than the enqueue did. That must depend neither on the
    resolution of the clock nor on a test that freezes it.
    """

    def __init__(self) -> None:
        self._latest = 0

    def __call__(self) -> Instant:
        self._latest = max(self._latest + 1, time.time_ns() // 1_000)
        return Instant(self._latest)
