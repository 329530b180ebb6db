"""Errors of asyncpg and psycopg: of a real server, and of the simulated one."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from postgres import connect

from simqueue.adapter.database import Database
from simqueue.errors import PostgresError
from simqueue.sim.database.dialects import asyncpg_error, psycopg_error
from simqueue.sim.run import run
from simqueue.store import NewJob, Rejection, decide_enqueue

psycopg = pytest.importorskip("psycopg")

INSERT = (
    "INSERT INTO pgqueuer (priority, entrypoint, status, dedupe_key) VALUES (0, 'a', 'queued', 'k')"
)
OF_THE_SOURCE = {"server_source_filename", "server_source_line", "server_source_function", "query"}
DIAGNOSTICS = (
    "severity", "severity_nonlocalized", "sqlstate", "message_primary", "message_detail",
    "message_hint", "table_name", "column_name", "constraint_name", "datatype_name",
)  # fmt: skip


def taken():
    """Return the simulated server's error about a dedupe key that is taken."""
    tables = Database().tables
    job = NewJob("a", None, 0, 0, "k", None)
    with pytest.raises(Rejection) as caught:
        decide_enqueue(tables, 0, [job, job], "raise")
    return caught.value.error


def rejected(sqlstate, message):
    return PostgresError(sqlstate, message)


async def violate(execute, dsn):
    other = await connect(dsn)
    try:
        await other.execute("DELETE FROM pgqueuer")
        await other.execute(INSERT)
        await execute("SET clk.now = '2000-01-01 00:00:00+00'")
        await execute(INSERT)
    finally:
        await other.execute("DELETE FROM pgqueuer")
        await other.close()


async def outlast(execute, dsn):
    await execute("SET statement_timeout = '50ms'")
    await execute("SELECT pg_sleep(5)")


async def conflict(execute, dsn):
    other = await connect(dsn)
    try:
        await other.execute("CREATE TABLE IF NOT EXISTS accounts AS SELECT 1 AS balance")
        await execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await execute("SELECT * FROM accounts")
        await other.execute("UPDATE accounts SET balance = 2")
        await execute("UPDATE accounts SET balance = 3")
    finally:
        with suppress(Exception):
            await execute("ROLLBACK")
        await other.execute("DROP TABLE accounts")
        await other.close()


CASES = {
    "a key that is taken": (violate, taken),
    "statement_timeout": (
        outlast,
        lambda: rejected("57014", "canceling statement due to statement timeout"),
    ),
    "a conflict": (
        conflict,
        lambda: rejected("40001", "could not serialize access due to concurrent update"),
    ),
}


def of_asyncpg(error):
    told = {name: value for name, value in error.as_dict().items() if name not in OF_THE_SOURCE}
    told.pop("schema_name", None)  # the server's schema is one of this suite's own
    return type(error), str(error), told


def of_psycopg(error):
    diagnostics = {name: getattr(error.diag, name) for name in DIAGNOSTICS}
    return type(error), str(error), error.sqlstate, diagnostics


@pytest.mark.parametrize("case", CASES)
def test_a_rejection_over_asyncpg_is_that_of_a_real_server(database, case):
    provoke, ours = CASES[case]

    async def real():
        connection = await asyncpg.connect(database)
        try:
            with pytest.raises(asyncpg.PostgresError) as caught:
                await provoke(connection.execute, database)
            return caught.value
        finally:
            await connection.close()

    theirs = asyncio.run(real())
    assert of_asyncpg(asyncpg_error(ours())) == of_asyncpg(theirs)


@pytest.mark.parametrize("case", CASES)
def test_a_rejection_over_psycopg_is_that_of_a_real_server(database, case):
    provoke, ours = CASES[case]

    async def real():
        connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
        async with connection:
            with pytest.raises(psycopg.Error) as caught:
                await provoke(connection.execute, database)
            return caught.value

    theirs = asyncio.run(real())
    assert of_psycopg(psycopg_error(ours())) == of_psycopg(theirs)


@pytest.mark.parametrize("library", ["asyncpg", "psycopg"])
def test_a_backend_that_is_told_to_go_leaves_the_errors_of_a_real_server(database, library):
    async def real():
        other = await asyncpg.connect(database)
        if library == "asyncpg":
            connection = await asyncpg.connect(database)
            execute, pid = connection.execute, connection.get_server_pid()
        else:
            connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
            execute, pid = connection.execute, connection.info.backend_pid
        statement = asyncio.create_task(execute("SELECT pg_sleep(30)"))
        while not await other.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", pid
        ):
            await asyncio.sleep(0.01)
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        kinds = []
        for awaited in (statement, execute("SELECT 1")):
            try:
                await awaited
            except Exception as error:
                kinds.append(type(error))
        await other.close()
        return kinds

    translate = asyncpg_error if library == "asyncpg" else psycopg_error
    ours = []
    for occasion in ("in flight", "closed"):
        error = rejected("57P01", "terminating connection due to administrator command")
        error.occasion = occasion
        ours.append(type(translate(error)))
    assert ours == asyncio.run(real())


def test_nobody_listens_where_asyncpg_connects():
    with pytest.raises(ConnectionRefusedError) as theirs:
        asyncio.run(asyncpg.connect("postgresql://x@127.0.0.1:1/x"))
    error = rejected("08001", "could not connect to server")
    error.occasion = "connecting"
    ours = asyncpg_error(error)
    assert (type(ours), ours.errno) == (type(theirs.value), theirs.value.errno)


def test_a_pools_timeouts_and_misuse_raise_what_a_real_pools_do(database):
    async def misuse(dsn=None):
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1)
        taken = await pool.acquire()
        kinds = [
            await raised(lambda: pool.acquire(timeout=0.01)),
            await raised(lambda: pool.release(object())),
        ]
        await pool.release(taken)
        kinds.append(await raised(taken.close))
        await pool.close()
        kinds.append(await raised(pool.acquire))
        return kinds

    async def raised(attempt):
        try:
            await attempt()
        except Exception as error:
            return type(error), str(error).partition(":")[0]

    async def scenario(sim):
        simulated.append(await misuse())

    simulated = []
    run(scenario).check()
    assert simulated == [asyncio.run(misuse(database))]
