"""One session of a database, as a driver uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from simqueue.adapter.database import Database
from simqueue.errors import PostgresError
from simqueue.store import Statement

T = TypeVar("T")

Hear = Callable[[str, str], None]
"""Takes the channel and the payload of a notification."""


class Connection(Protocol):
    """A session, as a driver uses it.

    Statements are executed in the order in which they were sent; the session decides how long they
    take.
    """

    on_notify: Hear
    """Called with each notification that reaches the client."""

    async def run(self, statement: Statement[T]) -> T:
        """Have a statement executed and return its answer.

        Raises:
            PostgresError: the server rejects it.
        """
        ...

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel``."""
        ...

    async def unlisten(self, channel: str) -> None:
        """Stop the notifications of ``channel``."""
        ...


_AT_ONCE = frozenset(("enqueue", "log_jobs", "retry_job", "update_heartbeat"))
"""Statements that tasks send by the thousand, and that no task sends in a loop to wait."""


class LocalConnection:
    """A session of a ``Database`` in this process: statements are executed at once."""

    def __init__(self, database: Database) -> None:
        self.database, self.naming = database, database.naming
        self._incarnation = database.incarnation
        self._on_the_way = 0
        self.on_notify: Hear = _unheard

    async def run(self, statement: Statement[T]) -> T:
        """Execute a statement and answer it, in one step."""
        if self._on_the_way or statement.name not in _AT_ONCE:
            # A task that claims or polls in a loop may await nothing else: let other tasks run.
            # What they send is executed after this statement.
            self._on_the_way += 1
            try:
                await asyncio.sleep(0)
            finally:
                self._on_the_way -= 1
        self._check()
        return self.database.execute(statement)

    async def listen(self, channel: str) -> None:
        """Receive the notifications of ``channel`` from now on."""
        self._check()
        self.database.listen(self, channel)

    async def unlisten(self, channel: str) -> None:
        """Stop receiving the notifications of ``channel``."""
        self._check()
        self.database.unlisten(self, channel)

    def _check(self) -> None:
        if self._incarnation != self.database.incarnation:
            raise connection_lost()

    def notified(self, channel: str, payload: str) -> None:
        """Pass a notification on to the driver."""
        self.on_notify(channel, payload)


def connection_lost() -> PostgresError:
    """Return the error of a statement on a connection that is gone."""
    return PostgresError("08003", "connection was closed in the middle of operation")


def _unheard(channel: str, payload: str) -> None:
    """Ignore a notification: no driver uses the connection yet."""


AMBIENT: ContextVar[Callable[[], Connection] | None] = ContextVar("simqueue_ambient", default=None)
"""Opens a connection for a driver made without one; in a simulation, one to its server."""
