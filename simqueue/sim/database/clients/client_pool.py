"""Pools as asyncpg makes them: sizes, lifetimes, timeouts and the user's callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from simqueue.errors import mark_by_fault
from simqueue.sim.database.clients.opening import Opening, open_session
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import asyncpg_error, client_error
from simqueue.sim.database.pool import Pool

Callback = Callable[[Any], Awaitable[object]]
"""A coroutine function of the user that takes a connection."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """The arguments of ``asyncpg.create_pool``.

    ``floor``: an idle connection is kept if the pool would fall below ``min_size`` without it.
    """

    opening: Opening
    connect_timeout: float | None = 60
    init_size: int = 10
    min_size: int = 10
    max_size: int = 10
    max_queries: int = 50_000
    lifetime: float = 300
    floor: bool = True
    setup: Callback | None = None
    init: Callback | None = None
    reset: Callback | None = None


class ClientPool(Pool):
    """A pool of an asyncpg client; ``client_of`` makes the connections that callbacks get."""

    def __init__(
        self,
        connect: Callable[[], SimulatedConnection],
        options: PoolOptions,
        client_of: Callable[[SimulatedConnection], Any],
    ) -> None:
        super().__init__(connect, options.max_size)
        self.translate, self.schema = asyncpg_error, options.opening.schema
        self.ready = self._closing = False
        self._options, self._client_of = options, client_of
        self._idle_since: dict[SimulatedConnection, int] = {}
        """Since when each free connection has been idle."""
        self._open: dict[SimulatedConnection, None] = {}
        self._expired: dict[SimulatedConnection, None] = {}

    async def open(self) -> None:
        """Open as many connections as the pool begins with."""
        opened: list[SimulatedConnection] = []
        try:
            for _ in range(self._options.init_size):
                opened.append(await self._opened())  # noqa: PERF401  one by one, so that those that are open stay known if one fails
        except BaseException:
            self.closed = True
            for connection in opened:
                connection.close()
            raise
        for _ in opened:
            self._free.get_nowait()
        for connection in reversed(opened):
            self._give_back(connection)
        self.ready = True

    def connected(self) -> list[SimulatedConnection]:
        """Return the connections that are open."""
        return [each for each in self._open if not (each.lost or each.closed)]

    def idle(self) -> list[SimulatedConnection]:
        """Return the open connections that are free."""
        return [each for each in self.connected() if each in self._idle_since]

    def expire(self) -> None:
        """Have each connection replaced when it is next taken or given back."""
        self._expired.update(self._open)

    async def close(self) -> None:
        """Close all connections, each when it has been given back; listening ends at once."""
        self._closing = True
        try:
            await super().close()
        finally:
            self._closing = False

    async def acquire(self, statement: str = "", place: str = "") -> SimulatedConnection:
        """Take a connection, when one is free, and let the user's ``setup`` prepare it."""
        connection = await super().acquire(statement, place)
        self._idle_since.pop(connection, None)
        if self._options.setup is not None:
            try:
                await self._options.setup(self._client_of(connection))
            except BaseException:
                connection.close()
                self._give_back(connection)
                raise
        return connection

    async def acquire_within(self, timeout: float | None, place: str) -> SimulatedConnection:  # noqa: ASYNC109
        """Take a connection, at a line of the user's code.

        Raises:
            TimeoutError: none was free, and ready, for ``timeout`` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self.acquire(place=place)
        except TimeoutError as error:
            self._excuse(error)
            raise

    async def release_within(
        self,
        connection: SimulatedConnection,
        timeout: float | None,  # noqa: ASYNC109
    ) -> None:
        """Reset a connection within ``timeout`` seconds and give it back."""
        try:
            async with asyncio.timeout(timeout):
                await self.release(connection)
        except TimeoutError as error:
            self._expired[connection] = None
            self._excuse(error)
            raise

    async def release(self, connection: SimulatedConnection) -> None:
        """Reset a connection and give it back; close it if that fails or its lifetime is over."""
        worn = connection in self._expired or connection.statements >= self._options.max_queries
        try:
            if worn:
                connection.close()
            elif not (connection.lost or connection.closed):
                await self._reset(connection)
        except Exception:
            connection.close()
            raise
        finally:
            # Also if the caller is cancelled: asyncpg shields the reset.
            self._give_back(connection)

    async def _reset(self, connection: SimulatedConnection) -> None:
        if self._options.reset is None:
            await connection.reset()
        else:
            await self._options.reset(self._client_of(connection))

    def _give_back(self, connection: SimulatedConnection) -> None:
        self._uses.leave(connection)
        if connection.lost or connection.closed:
            self._drop(connection)
            self._free.put_nowait(None)
        else:
            self._idle_since[connection] = connection.now
            self._free.put_nowait(connection)

    def _drop(self, connection: SimulatedConnection) -> None:
        connection.close()
        self._open.pop(connection, None)
        self._expired.pop(connection, None)
        self._idle_since.pop(connection, None)

    def _is_fit(self, connection: SimulatedConnection) -> bool:
        """Return whether a connection can be used: not broken, and not closed for being idle."""
        whole = not (connection.lost or connection.closed or connection in self._expired)
        if whole and not self._is_outdated(connection):
            return True
        self._drop(connection)
        return False

    def _is_outdated(self, connection: SimulatedConnection) -> bool:
        idle = connection.now - self._idle_since.get(connection, connection.now)
        if not self._options.lifetime or idle < self._options.lifetime * 1_000_000:
            return False
        # Those idle for longer were closed first: this one was, if the others are enough.
        others = self.size - self._free.qsize() - 1
        return not self._options.floor or others >= self._options.min_size

    async def _opened(self) -> SimulatedConnection:
        options = self._options
        connection = await open_session(
            self._connect, options.opening, asyncpg_error, options.connect_timeout
        )
        self._open[connection] = None
        if options.init is not None:
            try:
                await options.init(self._client_of(connection))
            except BaseException:
                self._drop(connection)
                raise
        return connection

    def _check_open(self) -> None:
        if self._closing or self.closed or not self.ready:
            state = "closing" if self._closing else "closed" if self.closed else "not initialized"
            raise client_error(f"pool is {state}")

    def _excuse(self, error: BaseException) -> None:
        """Mark a timeout as caused by a fault if a connection may be slow because of one."""
        if any(connection.troubled for connection in self._open):
            mark_by_fault(error)
