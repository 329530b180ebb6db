"""Clients: the objects that replace connections and pools of asyncpg and psycopg in a run.

PgQueuer's drivers only hold them. Everything else that is called on them serves the user's own SQL,
which is not simulated.
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
    """Replaces an object of the type ``real``; methods that it does not have are refused.

    ``session`` is the connection over which a driver sends statements.
    """

    def __init__(self, real: type, session: Any) -> None:
        self._real, self.session = real, session

    @cached_property
    def driver(self) -> InMemoryDriver:
        """The driver that listens over the session, for all PgQueuer drivers made with it."""
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
    """Return the error for a call that sends SQL, or that only SQL needs."""
    return refusal(what, SQL)


class AsyncpgConnection(Client):
    """Replaces an ``asyncpg.Connection``, or a pool's proxy of one."""

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
        """Reset the session: all it holds are the channels that it listens to."""
        async with asyncio.timeout(timeout):
            await speak(asyncpg_error, self.session.reset())

    async def _held(self, method: str) -> SimulatedConnection:
        return self._connection(method)

    def _connection(self, method: str) -> SimulatedConnection:
        """Return the connection, unless it was given back to the pool."""
        if not isinstance(self.session, Lease):
            return self.session
        try:
            return self.session.held(method)
        except PostgresError as error:
            released = asyncpg_error(error)
        raise released


class PsycopgConnection(Client):
    """Replaces a ``psycopg.AsyncConnection``."""

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
        """Set whether each statement is a transaction of its own.

        Raises:
            RefusedError: it is set to False while a PgQueuer driver uses the connection: explicit
                transactions are not simulated.
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
    """Replaces an ``asyncpg.Pool``. Its first connections are opened when it is entered."""

    session: ClientPool

    def __init__(self, real: type, connection: type, session: ClientPool, *, size_min: int) -> None:
        super().__init__(real, session)
        self._connection, self._size_min = connection, size_min
        self._leased: dict[AsyncpgConnection, float | None] = {}
        """The connections that were taken, with the timeout of each."""

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if not self.session.ready:
            await self.session.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def acquire(self, *, timeout: float | None = None) -> _Acquired:
        """Take a connection: await the result, or use it as a context manager."""
        return _Acquired(self, timeout)

    async def take(self, timeout: float | None) -> AsyncpgConnection:  # noqa: ASYNC109
        """Take a connection within ``timeout`` seconds."""
        connection = await speak(asyncpg_error, self.session.acquire_within(timeout, users_place()))
        taken = AsyncpgConnection(self._connection, Lease(connection))
        self._leased[taken] = timeout
        return taken

    async def release(self, connection: AsyncpgConnection, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Give a connection back, within ``timeout`` or the timeout it was taken with."""
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
        """Close all connections, each when it has been given back."""
        await self.session.close()

    def terminate(self) -> None:
        """Close all free connections, and hand out no more."""
        self.session.terminate()

    async def expire_connections(self) -> None:
        """Have each connection replaced when it is next taken or given back."""
        self.session.expire()

    def is_closing(self) -> bool:
        """Return whether the pool was closed."""
        return self.session.closed

    def get_max_size(self) -> int:
        """Return the largest number of connections."""
        return self.session.size

    def get_min_size(self) -> int:
        """Return the number of connections to keep open."""
        return self._size_min

    def get_size(self) -> int:
        """Return how many connections are open."""
        return len(self.session.connected())

    def get_idle_size(self) -> int:
        """Return how many open connections are free."""
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
