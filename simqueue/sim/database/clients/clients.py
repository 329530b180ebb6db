"""Clients: what stands in a run for a connection or a pool of asyncpg's or psycopg's.

PgQueuer's drivers need no more of them than that they are there. What they are asked for beyond
that is the user's own SQL, which nobody can simulate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from functools import cached_property
from typing import Any, NoReturn, Self

from simqueue.adapter.driver import InMemoryDriver
from simqueue.errors import PostgresError, RefusedError
from simqueue.sim.code.advice import SQL
from simqueue.sim.code.places import users_place
from simqueue.sim.code.refusing import refusal
from simqueue.sim.database.clients.client_pool import ClientPool
from simqueue.sim.database.clients.lease import Lease
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import asyncpg_error, client_error, speak

_SET_LATER = frozenset({"pgconn", "lock", "_con", "_protocol", "_transport"})
"""Attributes that real connections have only when they are made, and not their classes."""


class Client:
    """Stands for an object of ``real``'s type; what it does not do itself is refused.

    ``session`` is what a driver sends statements over.
    """

    def __init__(self, real: type, session: Any) -> None:
        self._real, self.session = real, session

    @cached_property
    def driver(self) -> InMemoryDriver:
        """What listens over the session, for all of PgQueuer's drivers that are made of it."""
        return InMemoryDriver(connection=self.session)

    def __getattr__(self, name: str) -> Any:
        known = hasattr(self._real, name) or name in _SET_LATER
        if name in ("_real", "session") or not known:
            raise AttributeError(f"{self._real.__name__!r} object has no attribute {name!r}")
        if callable(getattr(self._real, name, None)):
            return lambda *args, **kwargs: self._refuse(name)
        return self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise sql_refused(
            f"{self._real.__module__.partition('.')[0]}: {self._real.__name__}.{name}"
        )


def sql_refused(what: str) -> RefusedError:
    """Return the error of who sends SQL, or asks for what only SQL needs."""
    return refusal(what, SQL)


class AsyncpgConnection(Client):
    """Stands for an ``asyncpg.Connection``, or for a pool's proxy of one."""

    session: SimulatedConnection | Lease

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Close the connection; that takes no round trip."""
        (await speak(asyncpg_error, self._held("close"))).close()

    def terminate(self) -> None:
        """Close the connection."""
        self._connection("terminate").close()

    def is_closed(self) -> bool:
        """Return whether the connection was closed or is broken."""
        connection = self._connection("is_closed")
        return connection.closed or connection.lost

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Give up what the session holds: nothing but what it listens to."""
        async with asyncio.timeout(timeout):
            await speak(asyncpg_error, self.session.reset())

    async def _held(self, method: str) -> SimulatedConnection:
        return self._connection(method)

    def _connection(self, method: str) -> SimulatedConnection:
        """Return the connection, unless the pool has it back."""
        if not isinstance(self.session, Lease):
            return self.session
        try:
            return self.session.held(method)
        except PostgresError as error:
            released = asyncpg_error(error)
        raise released


class PsycopgConnection(Client):
    """Stands for a ``psycopg.AsyncConnection``."""

    session: SimulatedConnection

    def __init__(self, real: type, session: SimulatedConnection, *, autocommit: bool) -> None:
        super().__init__(real, session)
        self._autocommit = autocommit

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        return self._autocommit

    @property
    def closed(self) -> bool:
        """Whether the connection was closed or is broken."""
        return self.session.closed or self.session.lost

    @property
    def broken(self) -> bool:
        """Whether the connection broke."""
        return self.session.lost

    async def set_autocommit(self, value: bool) -> None:  # noqa: FBT001  as psycopg has it
        """Say whether each statement is a transaction of its own.

        Raises:
            RefusedError: a driver of PgQueuer's sends statements over it, which would no longer be.
        """
        if not value and "driver" in vars(self):
            raise sql_refused("psycopg: AsyncConnection.set_autocommit(False)")
        self._autocommit = value

    async def close(self) -> None:
        """Close the connection."""
        self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.session.close()


class AsyncpgPool(Client):
    """Stands for an ``asyncpg.Pool``. Its first connections are opened when it is entered."""

    session: ClientPool

    def __init__(self, real: type, connection: type, session: ClientPool, *, size_min: int) -> None:
        super().__init__(real, session)
        self._connection, self._size_min = connection, size_min
        self._leased: dict[AsyncpgConnection, float | None] = {}
        """The connections that were taken, with the timeout that came with each."""

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if not self.session.ready:
            await self.session.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def acquire(self, *, timeout: float | None = None) -> _Acquired:
        """Take a connection; it is awaited, or given back by a context manager."""
        return _Acquired(self, timeout)

    async def take(self, timeout: float | None) -> AsyncpgConnection:  # noqa: ASYNC109
        """Take a connection within ``timeout`` seconds."""
        connection = await speak(asyncpg_error, self.session.acquire_within(timeout, users_place()))
        taken = AsyncpgConnection(self._connection, Lease(connection))
        self._leased[taken] = timeout
        return taken

    async def release(self, connection: AsyncpgConnection, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Give a connection back, within the timeout it was taken with if none is given."""
        if connection not in self._leased:
            self._check_member(connection)
            return  # it was given back before
        within = self._leased.pop(connection)
        lease: Any = connection.session
        reset = self.session.release_within(lease.end(), within if timeout is None else timeout)
        await speak(asyncpg_error, reset)

    def _check_member(self, connection: Any) -> None:
        session = getattr(connection, "session", None)
        if not (isinstance(session, Lease) and session.released):
            raise asyncpg_error(
                client_error(
                    f"Pool.release() received invalid connection: {type(connection).__name__} is "
                    "not a member of this pool"
                )
            )

    async def close(self) -> None:
        """Close all connections, when each has been given back."""
        await self.session.close()

    def terminate(self) -> None:
        """Close all connections that nobody holds, and let nobody have one any more."""
        self.session.terminate()

    async def expire_connections(self) -> None:
        """Have each connection replaced when it is next taken or given back."""
        self.session.expire()

    def is_closing(self) -> bool:
        """Return whether the pool was closed."""
        return self.session.closed

    def get_max_size(self) -> int:
        """Return how many connections it may have."""
        return self.session.size

    def get_min_size(self) -> int:
        """Return how many connections it was asked to keep."""
        return self._size_min

    def get_size(self) -> int:
        """Return how many connections are open."""
        return len(self.session.connected())

    def get_idle_size(self) -> int:
        """Return how many open connections nobody holds."""
        return len(self.session.idle())


class _Acquired:
    """A connection of a pool that is about to be taken."""

    def __init__(self, pool: AsyncpgPool, timeout: float | None) -> None:
        self._pool, self._timeout = pool, timeout

    def __await__(self) -> Generator[Any, None, AsyncpgConnection]:
        return self._pool.take(self._timeout).__await__()

    async def __aenter__(self) -> AsyncpgConnection:
        self._taken = await self._pool.take(self._timeout)
        return self._taken

    async def __aexit__(self, *_: object) -> None:
        await self._pool.release(self._taken)
