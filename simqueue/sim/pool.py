"""A pool of connections, as asyncpg's pool driver uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from simqueue.adapter.connection import Hear
from simqueue.errors import PostgresError
from simqueue.sim.connection import SimulatedConnection
from simqueue.store import Statement

T = TypeVar("T")

POOL_MIN = 2
"""One to listen and one for statements."""


class Pool:
    """Up to ``size`` connections, opened as they are needed; one of them is kept to listen.

    Each statement takes the connection that was last given back, and resets it afterwards, which
    takes another round trip. A connection that broke is replaced by a new one, but not the one
    that listens: that one is never looked at again, as in PgQueuer's pool driver.

    Args:
        connect: opens a connection.
        size: ``POOL_MIN`` or more.
    """

    def __init__(self, connect: Callable[[], SimulatedConnection], size: int) -> None:
        self._connect = connect
        self._free: asyncio.LifoQueue[SimulatedConnection | None] = asyncio.LifoQueue()
        """A place for each connection; None where it is not open."""
        for _ in range(size):
            self._free.put_nowait(None)
        self._listener: SimulatedConnection | None = None
        self._acquiring = asyncio.Lock()
        self.on_notify: Hear = lambda channel, payload: None

    async def run(self, statement: Statement[T]) -> T:
        """Have a statement executed over any connection and return its answer."""
        connection = await self._acquire()
        try:
            return await connection.run(statement)
        finally:
            await self._release(connection)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel`` over the connection that is kept for them."""
        async with self._acquiring:
            if self._listener is None:
                self._listener = await self._acquire()
                self._listener.on_notify = self._heard
            await self._listener.listen(channel)

    async def unlisten(self, channel: str) -> None:
        """Ask for no more of them."""
        async with self._acquiring:
            if self._listener is not None:
                await self._listener.unlisten(channel)

    def _heard(self, channel: str, payload: str) -> None:
        self.on_notify(channel, payload)

    async def _acquire(self) -> SimulatedConnection:
        connection = await self._free.get()
        if connection is not None and not connection.lost:
            return connection
        try:
            connection = self._connect()
            await connection.ping("connect")
        except BaseException:
            self._free.put_nowait(None)
            raise
        return connection

    async def _release(self, connection: SimulatedConnection) -> None:
        try:
            if not connection.lost:
                await connection.ping("reset")
        except PostgresError:
            connection.lose()  # asyncpg, too, terminates one that it cannot reset, and says so
            raise
        finally:
            self._free.put_nowait(None if connection.lost else connection)
