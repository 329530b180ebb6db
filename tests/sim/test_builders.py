import asyncio
import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, Driver, PsycopgDriver
from pgqueuer.queries import Queries

from simqueue.sim.applications.builders import builder_of
from simqueue.sim.run import run

if TYPE_CHECKING:
    from asyncpg import Connection, Pool


async def does_nothing(job):
    pass


def of_connection(connection: asyncpg.Connection) -> PgQueuer:
    pgq = PgQueuer.from_asyncpg_connection(connection)
    pgq.entrypoint("x")(does_nothing)
    return pgq


def of_pool(pool: "Pool") -> PgQueuer:
    pgq = PgQueuer.from_asyncpg_pool(pool)
    pgq.entrypoint("x")(does_nothing)
    return pgq


async def of_driver(driver: AsyncpgDriver) -> PgQueuer:
    pgq = PgQueuer(driver)
    pgq.entrypoint("x")(does_nothing)
    return pgq


def of_pool_driver(driver: AsyncpgPoolDriver):
    pgq = PgQueuer(driver)
    pgq.entrypoint("x")(does_nothing)
    return pgq


@asynccontextmanager
async def of_any_driver(driver: Driver):
    pgq = PgQueuer(driver)
    pgq.entrypoint("x")(does_nothing)
    yield pgq


def of_queries(queries: Queries | None) -> QueueManager:
    manager = QueueManager(queries)
    manager.entrypoint("x")(does_nothing)
    return manager


def of_name_for_type_checkers(connection: "Connection[Any]") -> "PgQueuer":
    return of_connection(connection)


@pytest.mark.parametrize(
    "build",
    [
        of_connection,
        of_pool,
        of_driver,
        of_pool_driver,
        of_any_driver,
        of_queries,
        of_name_for_type_checkers,
        functools.partial(of_connection),
    ],
)
def test_the_factory_that_is_named_for_a_builder_makes_a_worker(build):
    factory = builder_of(build).factory(build)

    async def scenario(sim):
        sim.worker("a", factory)
        await sim.queries.enqueue("x", None)
        await sim.settled()

    run(scenario).check()


def test_a_builder_over_psycopg_gets_a_connection_of_psycopg():
    psycopg = pytest.importorskip("psycopg")

    def of_psycopg(connection: psycopg.AsyncConnection[Any]) -> PgQueuer:
        pgq = PgQueuer(PsycopgDriver(connection))
        pgq.entrypoint("x")(does_nothing)
        return pgq

    async def scenario(sim):
        sim.worker("a", builder_of(of_psycopg).factory(of_psycopg))
        await sim.queries.enqueue("x", None)
        await sim.settled()

    assert builder_of(of_psycopg).call("build") == (
        "build(await psycopg.AsyncConnection.connect(autocommit=True))"
    )
    run(scenario).check()


def two(connection: asyncpg.Connection, limit: int) -> PgQueuer:
    raise NotImplementedError


def of_text(dsn: str):
    raise NotImplementedError


def of_conn(conn) -> PgQueuer:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            of_connection,
            (
                "of_connection takes connection (asyncpg.Connection), so it neither registers "
                "handlers with a PgQueuer nor is it a factory without parameters: write one that "
                "calls it, as `import asyncpg; async def main(): return of_connection(await "
                "asyncpg.connect())`"
            ),
        ),
        (of_driver, "async def main(): return await of_driver(AsyncpgDriver(await asyncpg.conn"),
        (two, "two takes connection (asyncpg.Connection) and limit (builtins.int), so"),
        (of_text, "of_text takes dsn (builtins.str), so"),
        (of_conn, "`async def main(): return of_conn(...)`"),
    ],
)
def test_a_worker_is_told_which_factory_to_write_for_a_builder(build, said):
    async def scenario(sim):
        sim.worker("a", build)

    message = run(scenario).failure.message
    assert message.startswith("UsageError: worker 'a': ")
    assert said in message


class Registers(Protocol):
    def entrypoint(self, name: str) -> Any: ...


def plain(pq):
    pq.entrypoint("x")(does_nothing)


def annotated(pq: PgQueuer) -> PgQueuer:
    plain(pq)
    return pq


def by_text(pq: "PgQueuer | None") -> None:
    plain(pq)


def of_manager(qm: QueueManager) -> None:
    plain(qm)


def of_anything(pq: Any) -> PgQueuer:
    plain(pq)
    return pq


def of_protocol(pq: Registers) -> None:
    plain(pq)


def with_option(pq, limit=3, *more, **others):
    plain(pq)


class Application:
    def __call__(self, pq: PgQueuer) -> None:
        plain(pq)

    def register(self, pq: PgQueuer) -> None:
        plain(pq)


@pytest.mark.parametrize(
    "register",
    [
        plain,
        annotated,
        by_text,
        of_manager,
        of_anything,
        of_protocol,
        with_option,
        Application(),
        Application().register,
        functools.partial(with_option, limit=4),
    ],
)
def test_a_function_that_registers_handlers_is_no_builder(register):
    async def scenario(sim):
        sim.worker("a", register)
        await sim.queries.enqueue("x", None)
        await sim.settled()

    run(scenario).check()


def test_a_function_that_was_given_a_pgqueuer_and_makes_another_is_told_so():
    def build(it):
        return PgQueuer(AsyncpgDriver(it))

    async def scenario(sim):
        sim.worker("a", build)
        await asyncio.sleep(1)

    message = run(scenario).failure.message
    assert "build got a PgQueuer to register handlers with, but made a PgQueuer of" in message
    assert "write a factory without parameters that connects, calls build(...)" in message
