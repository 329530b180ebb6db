"""The two sides: PgQueuer on PostgreSQL, and simqueue in memory, on one virtual clock."""

import asyncio
import json
import reprlib
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import asyncpg
import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models
from postgres import connect
from pydantic import BaseModel

from simqueue.adapter import Database, InMemoryDriver, InMemoryQueries
from simqueue.model.ids import Instant
from simqueue.store import Tables, snapshot

T = TypeVar("T")

BRIEF = reprlib.Repr()
BRIEF.maxstring, BRIEF.maxlist, BRIEF.maxdict, BRIEF.maxlong, BRIEF.maxother = 60, 10, 10, 40, 400

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, microsecond=123_456, tzinfo=UTC)

CHANNELS = ("ch_pgqueuer", "other", "Third Ch")
"""Where each side listens: PgQueuer's own channel and two more."""

TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules")


class Clock:
    """The time of both sides, in whole microseconds; it stands still between two calls."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now_us = (START - UNIX_EPOCH) // timedelta(microseconds=1)

    def __call__(self) -> Instant:
        return Instant(self.now_us)

    def now(self) -> datetime:
        return UNIX_EPOCH + timedelta(microseconds=self.now_us)


class Call(NamedTuple):
    """A method of the queries, or ``notify`` of their driver, with what it is called with."""

    method: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})

    def __repr__(self) -> str:
        given = [BRIEF.repr(arg) for arg in self.args]
        given += [f"{name}={value!r}" for name, value in self.options.items()]
        return f"{self.method}({', '.join(given)})"


class Raised(NamedTuple):
    """What a call raised.

    A server's error is known by its SQLSTATE and constraint, the class being the driver's choice.
    """

    sqlstate: str | None
    constraint: str | None
    type: str | None


class State(NamedTuple):
    """The four tables, each row a list of its columns, and the next id of each."""

    tables: dict[str, list[list[Any]]]
    next_ids: list[int]


class Step(NamedTuple):
    """What came of one call on one side."""

    answer: Any
    state: State
    heard: list[tuple[str, str]]


async def attempt(queries: Any, call: Call) -> Any:
    """Return what the call returns, or a ``Raised``."""
    target = queries.driver if call.method == "notify" else queries
    try:
        return await getattr(target, call.method)(*call.args, **call.options)
    except Exception as error:
        sqlstate = getattr(error, "sqlstate", None)
        if sqlstate is not None:
            return Raised(sqlstate, getattr(error, "constraint_name", None), None)
        return Raised(None, None, f"{type(error).__module__}.{type(error).__qualname__}")


@dataclass
class Real:
    """PgQueuer's own queries on one session of a PostgreSQL, which also listens."""

    connection: asyncpg.Connection
    queries: Queries
    columns: dict[str, list[str]]
    look: str
    heard: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    async def open(cls, dsn: str) -> "Real":
        connection = await connect(dsn)
        columns, look = await how_to_look(connection)
        real = cls(connection, Queries(AsyncpgDriver(connection)), columns, look)
        await listen(real.queries.driver, real.heard)
        return real

    async def reset(self) -> None:
        await self.queries.driver.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")
        await asyncio.sleep(0)

    async def step(self, now: datetime, call: Call) -> Step:
        self.heard.clear()
        driver = self.queries.driver
        await driver.execute(f"SET clk.now = '{now.isoformat(sep=' ')}'")
        answer = await attempt(self.queries, call)
        # Over the driver, whose lock lets what a failed call left behind finish first.
        (row,) = await driver.fetch(self.look)
        *tables, next_ids = json.loads(str(row["state"]))
        await asyncio.sleep(0)  # asyncpg calls listeners from the loop
        return Step(answer, State(dict(zip(TABLES, tables, strict=True)), next_ids), self.heard[:])


@dataclass
class Simulated:
    """simqueue's queries on one in-memory database, which also listen."""

    database: Database
    queries: InMemoryQueries
    columns: dict[str, list[str]]
    heard: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    async def open(cls, clock: Clock, columns: dict[str, list[str]]) -> "Simulated":
        database = Database(clock)
        simulated = cls(database, InMemoryQueries(InMemoryDriver(database)), columns)
        await listen(simulated.queries.driver, simulated.heard)
        return simulated

    async def step(self, call: Call) -> Step:
        self.heard.clear()
        answer = await attempt(self.queries, call)
        await asyncio.sleep(0)
        return Step(answer, state_of(self.database.tables, self.columns), self.heard[:])


def state_of(tables: Tables, columns: dict[str, list[str]]) -> State:
    """Return what simqueue's tables hold, as ``how_to_look`` asks PostgreSQL."""
    shot = snapshot(tables)
    held = (shot.jobs, shot.log, shot.statistics, shot.schedules)
    found = {
        name: [_cells(row, columns[name]) for row in rows]
        for name, rows in zip(TABLES, held, strict=True)
    }
    return State(found, list(shot.sequences))


@dataclass
class Rig:
    """Both sides, and what has been compared so far."""

    runner: asyncio.Runner
    clock: Clock
    real: Real
    label: str
    sequences: int = 0
    operations: int = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def begin(self) -> Simulated:
        """Empty the tables and set the clock back."""
        self.sequences += 1
        self.clock.reset()
        return self.run(self._begin())

    async def _begin(self) -> Simulated:
        await self.real.reset()
        return await Simulated.open(self.clock, self.real.columns)

    def step(self, simulated: Simulated, call: Call) -> tuple[Step, Step]:
        """Make a call on both sides."""
        self.operations += 1
        return self.run(self._step(simulated, call))

    async def _step(self, simulated: Simulated, call: Call) -> tuple[Step, Step]:
        return await self.real.step(self.clock.now(), call), await simulated.step(call)


@contextmanager
def open_rig(dsn: str) -> Iterator[Rig]:
    """Connect to a database that holds PgQueuer's schema, and let PgQueuer read our clock."""
    clock = Clock()
    with asyncio.Runner() as runner, _client_clock(clock):
        real = runner.run(Real.open(dsn))
        server = runner.run(real.connection.fetchval("SHOW server_version"))
        label = f"pgqueuer {version('pgqueuer')}, PostgreSQL {server}"
        try:
            yield Rig(runner, clock, real, label)
        finally:
            runner.run(real.connection.close())


async def listen(driver: Any, heard: list[tuple[str, str]]) -> None:
    """Write down what is notified on each channel."""
    for channel in CHANNELS:
        await driver.add_listener(
            channel, lambda payload, channel=channel: heard.append((channel, payload))
        )


@contextmanager
def _client_clock(clock: Clock) -> Iterator[None]:
    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return clock.now()

    for model in vars(models).values():
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel:
            model.model_rebuild()  # while its annotations mean what they say
    with patch.object(models, "datetime", VirtualDatetime):
        yield


async def how_to_look(connection: asyncpg.Connection) -> tuple[dict[str, list[str]], str]:
    """Return each table's columns, and the query that reads all there is in one round trip."""
    columns: dict[str, list[str]] = {}
    parts = []
    for table in TABLES:
        found = await connection.fetch(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = $1 ORDER BY ordinal_position",
            table,
        )
        columns[table] = [row["column_name"] for row in found]
        cells = ", ".join(_as_json(row["column_name"], row["data_type"]) for row in found)
        parts.append(
            f"(SELECT coalesce(json_agg(json_build_array({cells}) ORDER BY id), '[]') FROM {table})"
        )
    next_ids = ", ".join(
        [
            f"(SELECT last_value + is_called::int FROM {sequence})"
            for table in TABLES
            for sequence in [
                await connection.fetchval("SELECT pg_get_serial_sequence($1, 'id')", table)
            ]
        ]
    )
    return (
        columns,
        f"SELECT json_build_array({', '.join(parts)}, json_build_array({next_ids}))::text AS state",
    )


def _as_json(column: str, data_type: str) -> str:
    match data_type:
        case "timestamp with time zone":
            return f"trunc(extract(epoch FROM {column}) * 1000000)"
        case "bytea":
            return f"encode({column}, 'hex')"
        case "jsonb":
            return f"{column}::text"  # the text itself is compared: order of keys, form of numbers
        case _:
            return column


def _cells(row: msgspec.Struct, columns: list[str]) -> list[Any]:
    cells = [getattr(row, column) for column in columns]
    return [cell.hex() if isinstance(cell, bytes) else cell for cell in cells]
