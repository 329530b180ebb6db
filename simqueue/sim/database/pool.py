"""A pool of connections, as asyncpg's pool driver uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from simqueue.adapter.connection import Hear, connection_lost
from simqueue.errors import PostgresError
from simqueue.sim.database.connection import CONNECT, SimulatedConnection
from simqueue.sim.database.dialects import Translate
from simqueue.sim.database.pool_uses import PoolUses
from simqueue.store import Statement

T = TypeVar("T")

POOL_MIN = 2
"""One to listen and one for statements."""


class Pool:
    """Up to ``size`` connections, opened as they are needed; one of them is kept to listen.

    Each statement takes the connection that was last given back, and resets it afterwards, which
    takes another round trip. A connection that broke is replaced, except the one that listens:
    PgQueuer's pool driver never looks at it again, and neither does this one.

    Args:
        connect: opens a connection.
        size: ``POOL_MIN`` or more if the pool is used to listen.
    """

    def __init__(self, connect: Callable[[], SimulatedConnection], size: int) -> None:
        self._connect, self.size = connect, size
        self.translate: Translate | None = None
        self.schema: str | None = None
        self.closed = False
        self._free: asyncio.LifoQueue[SimulatedConnection | None] = asyncio.LifoQueue()
        """One entry per connection; None if it is not open."""
        for _ in range(size):
            self._free.put_nowait(None)
        self._listener: SimulatedConnection | None = None
        self._acquiring = asyncio.Lock()
        self._uses = PoolUses(size)
        self.on_notify: Hear = lambda channel, payload: None

    async def open(self) -> None:
        """Open the first connection; the others are opened as they are needed."""
        self._give_back(await self.acquire())

    async def close(self) -> None:
        """Close all connections, each when it has been given back; listening ends at once."""
        if not self.closed:
            self.closed = True
            self._drop_listener()
            for _ in range(self.size):
                _close(await self._free.get())

    def terminate(self) -> None:
        """Close all connections that are not taken, and hand out no more."""
        self.closed = True
        self._drop_listener()
        while not self._free.empty():
            _close(self._free.get_nowait())

    def _drop_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            self._give_back(listener)

    async def run(self, statement: Statement[T]) -> T:
        """Have a statement executed over any connection and return its answer."""
        connection = await self.acquire(statement.name)
        try:
            return await connection.run(statement)
        finally:
            await self.release(connection)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel`` over the connection that is kept for them."""
        if self.size < POOL_MIN:  # as PgQueuer's pool driver says it
            raise RuntimeError(
                "Pool max size must be greater than 2 to ensure connections are available."
            )
        async with self._acquiring:
            if self._listener is None:
                self._listener = await self.acquire("listen")
                self._listener.on_notify = self._heard
            await self._listener.listen(channel)

    async def unlisten(self, channel: str) -> None:
        """Stop the notifications of ``channel``."""
        async with self._acquiring:
            if self._listener is not None:
                await self._listener.unlisten(channel)

    def _heard(self, channel: str, payload: str) -> None:
        self.on_notify(channel, payload)

    async def acquire(self, statement: str = "", place: str = "") -> SimulatedConnection:
        """Take a connection, waiting until one is free.

        ``statement`` names its purpose, ``place`` the line of the user's code that takes it.

        Raises:
            PostgresError: the pool was closed, or the server accepts no connection.
        """
        self._check_open()
        if self._free.empty():
            with self._uses.waiting(statement, place):
                connection = await self._free.get()
        else:
            connection = self._free.get_nowait()
        if connection is None or not self._is_fit(connection):
            try:
                connection = await self._opened()
            except BaseException:
                self._free.put_nowait(None)
                raise
        self._uses.take(connection, statement, place)
        return connection

    def _check_open(self) -> None:
        if self.closed:
            raise connection_lost()

    def _is_fit(self, connection: SimulatedConnection) -> bool:
        """Return whether a connection that was given back can be handed out."""
        return not connection.lost

    async def _opened(self) -> SimulatedConnection:
        """Return a new connection."""
        connection = self._connect()
        await connection.ping(CONNECT)
        return connection

    async def release(self, connection: SimulatedConnection) -> None:
        """Reset a connection and give it back."""
        try:
            if not (connection.lost or connection.closed):
                await connection.ping("reset")
        except PostgresError:
            connection.lose()  # asyncpg, too, terminates a connection that it cannot reset
            raise
        finally:
            self._give_back(connection)

    def _give_back(self, connection: SimulatedConnection) -> None:
        self._uses.leave(connection)
        self._free.put_nowait(None if connection.lost or connection.closed else connection)


def _close(connection: SimulatedConnection | None) -> None:
    if connection is not None:
        connection.close()
