"""A pool of connections, as asyncpg's pool driver uses one."""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._connect, self._size = connect, size
        self._open = 0
        self._idle: list[SimulatedConnection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
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
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.lost:
                    return connection
                self._open -= 1
            if self._open < self._size:
                return await self._open_another()
            await self._turn()

    async def _open_another(self) -> SimulatedConnection:
        self._open += 1
        try:
            connection = self._connect()
            await connection.ping("connect")
        except BaseException:
            self._open -= 1
            self._wake()
            raise
        return connection

    async def _turn(self) -> None:
        """Wait until a connection may be free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _release(self, connection: SimulatedConnection) -> None:
        try:
            if not connection.lost:
                await connection.ping("reset")
        except PostgresError:
            connection.lose()  # asyncpg, too, terminates one that it cannot reset, and says so
            raise
        finally:
            if connection.lost:
                self._open -= 1
            else:
                self._idle.append(connection)
            self._wake()
