"""Clients: what stands in a run for a connection or a pool of asyncpg's or psycopg's.

PgQueuer's drivers need no more of them than that they are there. What they are asked for beyond
that is the user's own SQL, which nobody can simulate.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import Any, NoReturn, Self

from simqueue.adapter.driver import InMemoryDriver
from simqueue.errors import RefusedError
from simqueue.sim.advice import SQL
from simqueue.sim.connection import SimulatedConnection
from simqueue.sim.places import users_place
from simqueue.sim.pool import Pool
from simqueue.sim.refusing import refusal


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
        if name in ("_real", "session") or not hasattr(self._real, name):
            raise AttributeError(f"{self._real.__name__!r} object has no attribute {name!r}")
        if callable(getattr(self._real, name)):
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
    """Stands for an ``asyncpg.Connection``."""

    session: SimulatedConnection

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Close the connection; that takes no round trip."""
        self.session.close()

    def terminate(self) -> None:
        """Close the connection."""
        self.session.close()

    def is_closed(self) -> bool:
        """Return whether the connection was closed or is broken."""
        return self.session.closed or self.session.lost


class PsycopgConnection(Client):
    """Stands for a ``psycopg.AsyncConnection``."""

    session: SimulatedConnection

    def __init__(self, real: type, session: SimulatedConnection, *, autocommit: bool) -> None:
        super().__init__(real, session)
        self.autocommit = autocommit

    @property
    def closed(self) -> bool:
        """Whether the connection was closed or is broken."""
        return self.session.closed or self.session.lost

    @property
    def broken(self) -> bool:
        """Whether the connection broke."""
        return self.session.lost

    async def set_autocommit(self, value: bool) -> None:  # noqa: FBT001  as psycopg has it
        """Say whether each statement is a transaction of its own."""
        self.autocommit = value

    async def close(self) -> None:
        """Close the connection."""
        self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.session.close()


class AsyncpgPool(Client):
    """Stands for an ``asyncpg.Pool``. Its first connection is opened when it is entered."""

    session: Pool

    def __init__(self, real: type, connection: type, session: Pool, *, size_min: int) -> None:
        super().__init__(real, session)
        self._connection, self._size_min = connection, size_min
        self._open = False

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if not self._open and self._size_min:
            await self.session.open()
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def acquire(self, *, timeout: float | None = None) -> _Acquired:
        """Take a connection; it is awaited, or given back by a context manager."""
        return _Acquired(self)

    async def take(self) -> AsyncpgConnection:
        """Take a connection."""
        return AsyncpgConnection(self._connection, await self.session.acquire(place=users_place()))

    async def release(self, connection: AsyncpgConnection, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Give a connection back."""
        await self.session.release(connection.session)

    async def close(self) -> None:
        """Close all connections, when each has been given back."""
        await self.session.close()

    def terminate(self) -> None:
        """Close all connections that nobody holds, and let nobody have one any more."""
        self.session.terminate()

    def is_closing(self) -> bool:
        """Return whether the pool was closed."""
        return self.session.closed

    def get_max_size(self) -> int:
        """Return how many connections it may have."""
        return self.session.size

    def get_min_size(self) -> int:
        """Return how many connections it was asked to keep."""
        return self._size_min


class _Acquired:
    """A connection of a pool that is about to be taken."""

    def __init__(self, pool: AsyncpgPool) -> None:
        self._pool = pool

    def __await__(self) -> Generator[Any, None, AsyncpgConnection]:
        return self._pool.take().__await__()

    async def __aenter__(self) -> AsyncpgConnection:
        self._taken = await self._pool.take()
        return self._taken

    async def __aexit__(self, *_: object) -> None:
        await self._pool.release(self._taken)
