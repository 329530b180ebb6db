"""Databases: patches that connect the code of a run to the simulated database.

They cover asyncpg, psycopg, PgQueuer's drivers and queries over their connections, and PgQueuer's
in-memory database.
"""

from __future__ import annotations

import _thread
import importlib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from simqueue.adapter.connection import AMBIENT
from simqueue.adapter.driver import InMemoryDriver
from simqueue.adapter.queries import InMemoryQueries
from simqueue.sim.code.advice import BLOCKING, MADE_BEFORE, POOLS
from simqueue.sim.code.places import users_place
from simqueue.sim.code.refusing import refusing
from simqueue.sim.database.clients.asyncpg_options import client_pool, read_options
from simqueue.sim.database.clients.clients import (
    AsyncpgConnection,
    AsyncpgPool,
    Client,
    PsycopgConnection,
    sql_refused,
)
from simqueue.sim.database.clients.foreign_queries import ForeignQueries
from simqueue.sim.database.clients.lease import Lease
from simqueue.sim.database.clients.opening import Opening, open_session
from simqueue.sim.database.clients.psycopg_options import open_psycopg
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import asyncpg_error, speak
from simqueue.sim.database.pool import Pool
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.source import SIMULATING, Control, Scope, Source

if TYPE_CHECKING:
    from pgqueuer import PgQueuer

Q = TypeVar("Q", bound=type)


def _acts(thread: int) -> bool:
    """Return whether the caller belongs to the run that a patch was made for."""
    return _thread.get_ident() == thread and thread in SIMULATING and AMBIENT.get() is not None


def _opener() -> Callable[[], SimulatedConnection]:
    """Return a function that opens connections of the process that runs now."""
    connect: Any = AMBIENT.get()
    return connect  # type: ignore[no-any-return]


# --- PgQueuer's own database in memory ---


def _in_memory(scope: Scope) -> Iterator[Patch]:
    from pgqueuer import PgQueuer

    from simqueue.adapter.in_memory import in_memory

    thread, original = scope.thread, PgQueuer.in_memory.__func__  # type: ignore[attr-defined]

    def simulated(cls: type[PgQueuer], channel: Any = None, resources: Any = None) -> PgQueuer:
        if _thread.get_ident() != thread or thread not in SIMULATING:
            made: PgQueuer = original(cls, channel, resources)
            return made
        pq = in_memory(channel, resources)
        if cls is PgQueuer:
            return pq
        return cls(
            connection=pq.connection,
            channel=pq.channel,
            queries=pq.queries,
            resources={} if resources is None else resources,
        )

    yield Attribute(PgQueuer, "in_memory", classmethod(simulated))


# --- asyncpg and psycopg ---


@cache
def _module(name: str) -> Any:
    """Import a module; return None if it, or a library of the system that it needs, is missing.

    Called before the run: code that imported the module in the run would get the real one.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _asyncpg(scope: Scope) -> tuple[Patch, ...]:
    return _asyncpg_patches(scope.thread)


@lru_cache(maxsize=1)
def _asyncpg_patches(thread: int) -> tuple[Patch, ...]:
    if _module("asyncpg") is None:
        return ()
    # Patch the functions that the public ones call: those may have been imported by name.
    utils, pools = _module("asyncpg.connect_utils"), _module("asyncpg.pool")
    connect, pool, connection = utils._connect, pools.Pool, _module("asyncpg").Connection  # noqa: SLF001

    @wraps(connect)
    async def connect_simulated(*args: Any, **kwargs: Any) -> Any:
        if not _acts(thread):
            return await connect(*args, **kwargs)
        opening = await speak(asyncpg_error, _options("asyncpg.connect", kwargs))
        return AsyncpgConnection(connection, await open_session(_opener(), opening, asyncpg_error))

    def pool_simulated(*args: Any, min_size: int = 10, max_size: int = 10, **kwargs: Any) -> Any:
        made = pool(*args, min_size=min_size, max_size=max_size, **kwargs)  # checks its arguments
        if not _acts(thread):
            return made
        given = {**kwargs, "min_size": min_size, "max_size": max_size}
        session = client_pool(_opener(), connection, args, given)
        return AsyncpgPool(pool, connection, session, size_min=min_size)

    # A pool that was made before the run, when its module was imported, is a real one.
    made_before = (
        Attribute(pool, name, refusing(thread, what, MADE_BEFORE)(getattr(pool, name)))
        for name, what in (
            ("_async__init__", "asyncpg: Pool"),
            ("acquire", "asyncpg: Pool.acquire"),
        )
    )
    return (
        Attribute(utils, "_connect", connect_simulated),
        Attribute(pools, "Pool", pool_simulated),
        *made_before,
    )


async def _options(owner: str, given: dict[str, Any]) -> Opening:
    return read_options(owner, **given)


def _psycopg(scope: Scope) -> tuple[Patch, ...]:
    return _psycopg_patches(scope.thread)


@lru_cache(maxsize=1)
def _psycopg_patches(thread: int) -> tuple[Patch, ...]:
    if _module("psycopg") is None:
        return ()
    owner = _module("psycopg").AsyncConnection
    original = owner.connect.__func__

    async def connect(
        cls: Any, /, conninfo: str = "", *, autocommit: bool = False, **kwargs: Any
    ) -> Any:
        if not _acts(thread):
            return await original(cls, conninfo, autocommit=autocommit, **kwargs)
        session = await open_psycopg(cls, owner, _opener(), conninfo, kwargs)
        return PsycopgConnection(owner, session, autocommit=autocommit)

    return (Attribute(owner, "connect", classmethod(connect)),)


def _blocking(scope: Scope) -> tuple[Patch, ...]:
    return _blocking_patches(scope.thread)


@lru_cache(maxsize=1)
def _blocking_patches(thread: int) -> tuple[Patch, ...]:
    def refused(owner: Any, name: str, what: str, instead: str) -> Patch:
        return Attribute(owner, name, refusing(thread, what, instead)(getattr(owner, name)))

    patches = []
    if _module("psycopg") is not None:
        # Every way to connect goes through this; psycopg.connect is bound when psycopg is loaded.
        way = "_get_connection_params"
        patches.append(refused(_module("psycopg").Connection, way, "psycopg.connect", BLOCKING))
    if _module("psycopg_pool") is not None:
        for name in _POOLS:
            owner, what = getattr(_module("psycopg_pool"), name), f"psycopg_pool.{name}"
            patches.append(refused(owner, "__init__", what, POOLS))
            # These are the methods of a pool that was made when its module was imported.
            patches += [refused(owner, way, f"{what}.{way}", POOLS) for way in _POOL_METHODS]
    return tuple(patches)


_POOLS = ("AsyncConnectionPool", "AsyncNullConnectionPool", "ConnectionPool", "NullConnectionPool")
_POOL_METHODS = ("open", "connection", "getconn", "wait")


# --- PgQueuer's drivers for them ---


def _drivers(scope: Scope) -> tuple[Patch, ...]:
    return _driver_patches(scope.thread)


_SQL = ("fetch", "execute")


@lru_cache(maxsize=1)
def _driver_patches(thread: int) -> tuple[Patch, ...]:
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
    from pgqueuer.adapters.persistence.queries import Queries

    drivers = (AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver)
    return (
        *(Attribute(driver, "__init__", _driver(driver)) for driver in drivers),
        Attribute(Queries, "__init__", _queries(Queries)),
        *(Attribute(InMemoryDriver, name, _own_sql(thread, name)) for name in _SQL),
    )


def _own_sql(thread: int, name: str) -> Callable[..., Any]:
    """Return a method of ``InMemoryDriver`` that refuses SQL in a run."""
    original = getattr(InMemoryDriver, name)

    @wraps(original)
    async def refuse(self: Any, query: str, *args: object) -> None:
        if _acts(thread):
            raise sql_refused(f"InMemoryDriver.{name}")
        await original(self, query, *args)

    return refuse


_PASSED_ON = ("notify", "add_listener", "remove_listener")


def _driver(owner: Any) -> Callable[..., None]:
    """Return an ``__init__`` that makes a driver send over its connection if that is simulated."""
    init = owner.__init__

    @wraps(init)
    def initialize(self: Any, connection: Any) -> None:
        init(self, connection)
        if isinstance(connection, Client):
            self.connection = connection.session
            for name in (*_PASSED_ON, *_SQL):
                # A method that a subclass of the user's overrides stays.
                if getattr(type(self), name, None) is getattr(owner, name, self):
                    setattr(self, name, _method(owner, name, connection.driver))

    return initialize


def _method(owner: type, name: str, driver: InMemoryDriver) -> Callable[..., Any]:
    if name in _PASSED_ON:
        method: Callable[..., Any] = getattr(driver, name)

        async def passed_on(*args: Any) -> None:
            await speak(driver.connection.translate, method(*args))  # type: ignore[attr-defined]

        return passed_on

    async def refuse(query: str, *args: object) -> None:
        raise sql_refused(f"{owner.__name__}.{name}")

    return refuse


def _queries(owner: Any) -> Callable[..., None]:
    """Return an ``__init__`` that makes queries simulated if their connection is."""
    init = owner.__init__

    @wraps(init)
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        connection = getattr(self.driver, "connection", None)
        if isinstance(connection, SimulatedConnection | Lease | Pool) and not is_simulated(self):
            self.__class__ = _simulated(type(self))  # type: ignore[arg-type]
            self.client.place = users_place() or None

    return initialize


def is_simulated(queries: object) -> bool:
    """Return whether queries are those of the simulated database."""
    return isinstance(queries, InMemoryQueries) and isinstance(
        queries.driver.connection, SimulatedConnection | Lease | Pool
    )


@cache
def _simulated(cls: type) -> type:
    """Return a class of queries in which PgQueuer's own are replaced by the simulated ones."""
    from pgqueuer.adapters.persistence.queries import Queries

    below = (ForeignQueries, Queries) if cls is Queries else (cls, _simulated(Queries))
    return type(cls.__name__, below, {"__module__": cls.__module__, "__doc__": cls.__doc__})


CONTROLS = (
    Control(
        Source(
            "in-memory-queue",
            "PgQueuer.in_memory()",
            "controlled",
            "a client of the simulated database, whose statements take virtual time",
        ),
        _in_memory,
    ),
    Control(
        Source(
            "asyncpg",
            "asyncpg.connect, asyncpg.create_pool",
            "controlled",
            "a client of the simulated database, for PgQueuer's statements, with asyncpg's errors "
            "and timeouts; other SQL and options that are not simulated are refused",
        ),
        _asyncpg,
    ),
    Control(
        Source(
            "psycopg-async",
            "psycopg.AsyncConnection.connect",
            "controlled",
            "as for asyncpg.connect, with psycopg's errors",
        ),
        _psycopg,
    ),
    Control(
        Source("psycopg-sync", "psycopg.connect", "refused", BLOCKING),
        _blocking,
    ),
    Control(Source("psycopg-pool", "psycopg_pool", "refused", POOLS), lambda scope: ()),
    Control(
        Source(
            "pgqueuer-drivers",
            "PgQueuer's AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver, Queries",
            "controlled",
            "over such a client they send the statements that the simulated database knows",
        ),
        _drivers,
    ),
)
