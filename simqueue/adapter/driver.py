"""PgQueuer's driver port over a connection."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn, Self

from pgqueuer.core.tm import TaskManager
from pgqueuer.ports import driver as ports_driver

from simqueue.adapter.arguments import text
from simqueue.adapter.connection import AMBIENT, Connection, LocalConnection
from simqueue.adapter.database import Database
from simqueue.adapter.statements import changing
from simqueue.store import Rejection, decide_notify, identifier

if TYPE_CHECKING:
    from pgqueuer.ports.driver import Driver, ListenerRemover, NotifyCallback

_LOGGER = logging.getLogger("simqueue")
_REMOVABLE = hasattr(ports_driver, "ListenerRemover")
_NO_SQL = (
    "{verb}() needs SQL, which InMemoryDriver does not speak: it cannot run {query!r}. Call a "
    "method of InMemoryQueries instead, or give this code a driver of a real PostgreSQL."
)


class InMemoryDriver:
    """A client of an in-memory database, in place of a PostgreSQL driver.

    Made without arguments it has a database of its own; inside a simulation, the simulated one. Two
    drivers of one ``Database`` see the same tables and receive the same notifications.

    ``shutdown`` is set when the driver should take no more work; ``tm`` has no tasks, since this
    driver starts none.

    Example:
        >>> driver = simqueue.InMemoryDriver()
        >>> asyncio.run(simqueue.InMemoryQueries(driver).enqueue("send_mail", b"hello"))
        [1]
    """

    def __init__(
        self, database: Database | None = None, *, connection: Connection | None = None
    ) -> None:
        self.connection = connection or _connect(database)
        self.connection.on_notify = self.deliver
        self.shutdown = asyncio.Event()
        self.tm = TaskManager()
        self._listeners: dict[str, list[NotifyCallback]] = {}

    async def fetch(self, query: str, *args: object) -> NoReturn:
        """Raise ``NotImplementedError``: this driver executes no SQL."""
        raise NotImplementedError(_NO_SQL.format(verb="fetch", query=query))

    async def execute(self, query: str, *args: object) -> NoReturn:
        """Raise ``NotImplementedError``: this driver executes no SQL."""
        raise NotImplementedError(_NO_SQL.format(verb="execute", query=query))

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification to every session that listens on ``channel``, this one included."""
        statement = changing("notify", decide_notify, text(channel), text(payload))
        await self.connection.run(statement)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call ``callback(payload)`` for each notification on ``channel``.

        The server truncates a name to 63 bytes, so that a listener on a longer name is never
        called, as with PgQueuer's drivers. In releases of PgQueuer that can remove a listener, one
        that is added twice is called once.
        """
        name = _identifier(channel)
        if channel not in self._listeners:
            await self.connection.listen(name)
        callbacks = self._listeners.setdefault(channel, [])
        if not (_REMOVABLE and callback in callbacks):
            callbacks.append(callback)

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Stop calling ``callback``; do nothing if it was never added."""
        callbacks = self._listeners.get(channel, [])
        if callback in callbacks:
            callbacks.remove(callback)
            if not callbacks:
                del self._listeners[channel]
                await self.connection.unlisten(_identifier(channel))

    def deliver(self, channel: str, payload: str) -> None:
        """Call this driver's listeners on ``channel`` at once, in the order they were added.

        If one raises, that is logged; the others are still called, and the sender is not affected.
        """
        for callback in list(self._listeners.get(channel, ())):
            try:
                callback(payload)
            except Exception:
                _LOGGER.exception("A listener on channel %r raised", channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: the tables outlive the driver."""


def _identifier(channel: str) -> str:
    """Return a channel's name as the server has it; raise ``PostgresError`` if it is refused."""
    try:
        return identifier(text(channel))
    except Rejection as rejection:
        raise rejection.error from None


def _connect(database: Database | None) -> Connection:
    ambient = AMBIENT.get()
    if database is None and ambient is not None:
        return ambient()
    return LocalConnection(database or Database())


if TYPE_CHECKING:
    _driver: Driver = InMemoryDriver()
    _remover: ListenerRemover = InMemoryDriver()
