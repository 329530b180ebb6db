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
from simqueue.adapter.statements import telling
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

    Without arguments it has a database of its own, or that of the simulation it is made in. Two
    drivers of one ``Database`` see the same tables and hear the same notifications.

    ``shutdown`` is set when the driver should take no more work; ``tm`` would manage background
    tasks, of which this driver has none.

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
        """Refuse: there is no SQL here."""
        raise NotImplementedError(_NO_SQL.format(verb="fetch", query=query))

    async def execute(self, query: str, *args: object) -> NoReturn:
        """Refuse: there is no SQL here."""
        raise NotImplementedError(_NO_SQL.format(verb="execute", query=query))

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification to every session that listens on ``channel``, this one included."""
        statement = telling("notify", decide_notify, text(channel), text(payload))
        await self.connection.run(statement)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call ``callback(payload)`` for each notification on ``channel``.

        The server cuts a long name short, so that nothing is ever heard under the name it was
        given; PgQueuer's drivers do the same. Since PgQueuer can remove a listener, one that is
        added twice is called once.
        """
        name = _identifier(channel)
        if channel not in self._listeners:
            await self.connection.listen(name)
        callbacks = self._listeners.setdefault(channel, [])
        if not (_REMOVABLE and callback in callbacks):
            callbacks.append(callback)

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call ``callback`` no more; one that was never added is passed over."""
        callbacks = self._listeners.get(channel, [])
        if callback in callbacks:
            callbacks.remove(callback)
            if not callbacks:
                del self._listeners[channel]
                await self.connection.unlisten(_identifier(channel))

    def deliver(self, channel: str, payload: str) -> None:
        """Call this driver's listeners on ``channel`` at once, in the order they were added.

        One that raises is logged, and hurts neither the others nor the sender.
        """
        for callback in list(self._listeners.get(channel, ())):
            try:
                callback(payload)
            except Exception:
                _LOGGER.exception("A listener on channel %r raised", channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Keep everything: the tables outlive whoever worked on them."""


def _identifier(channel: str) -> str:
    """Return a channel's name as the server takes it; raise ``PostgresError`` if it refuses it."""
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
