"""What a client of asyncpg or psycopg gets for an error of the simulated database."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.queries import Queries

from simqueue.choices import Seeded
from simqueue.errors import PostgresError, is_by_fault
from simqueue.model.config import Config, Faults
from simqueue.model.events import ErrorIgnored, JobEnqueued, LogLine, StatementFailed, WorkerExited
from simqueue.model.fault import FAULT_OF
from simqueue.sim.database.dialects import asyncpg_error, psycopg_error
from simqueue.sim.run import run

REJECTIONS = FAULT_OF["fail"].errors
psycopg = pytest.importorskip("psycopg")


async def asyncpg_queries():
    return Queries(AsyncpgDriver(await asyncpg.connect()))


async def psycopg_queries():
    connection = await psycopg.AsyncConnection.connect(autocommit=True)
    return Queries(PsycopgDriver(connection))


CLIENTS = [asyncpg_queries, psycopg_queries]


def rejected(sqlstate, occasion="statement"):
    error = PostgresError(sqlstate, "no")
    error.occasion = occasion
    return error


@pytest.mark.parametrize("sqlstate", [each.sqlstate for each in REJECTIONS if not each.breaks])
def test_a_rejected_statement_is_of_the_librarys_class_for_its_sqlstate(sqlstate):
    ours = rejected(sqlstate)
    theirs = asyncpg_error(ours)
    known = type(asyncpg.PostgresError).get_message_class_for_sqlstate(sqlstate)
    assert (type(theirs), theirs.sqlstate, theirs.message) == (known, sqlstate, "no")
    assert theirs.severity == "ERROR"
    theirs = psycopg_error(ours)
    assert type(theirs) is psycopg.errors.lookup(sqlstate)
    assert (theirs.sqlstate, theirs.diag.sqlstate) == (sqlstate, sqlstate)
    assert (theirs.diag.message_primary, theirs.diag.severity) == ("no", "ERROR")
    assert theirs.diag.constraint_name is None


def test_an_unknown_sqlstate_is_an_error_of_the_database_all_the_same():
    assert isinstance(asyncpg_error(rejected("XX999")), asyncpg.PostgresError)
    assert isinstance(psycopg_error(rejected("XX999")), psycopg.DatabaseError)


@pytest.mark.parametrize(
    ("sqlstate", "theirs"),
    [
        ("53300", asyncpg.TooManyConnectionsError),
        ("57P03", asyncpg.CannotConnectNowError),
        ("08001", ConnectionRefusedError),
    ],
)
def test_who_is_not_let_in_gets_what_connecting_raises(sqlstate, theirs):
    refused = rejected(sqlstate, "connecting")
    assert type(asyncpg_error(refused)) is theirs
    assert type(psycopg_error(refused)) is psycopg.OperationalError
    assert psycopg_error(refused).sqlstate is None


@pytest.mark.parametrize("connect", CLIENTS)
def test_a_dedupe_conflict_is_a_duplicate_job_because_of_the_librarys_error(connect):
    caught = []

    async def scenario(sim):
        queries = await connect()
        await queries.enqueue("mail", None, dedupe_key="k")
        try:
            await queries.enqueue("mail", None, dedupe_key="k")
        except DuplicateJobError as error:
            caught.append(error.__cause__)

    run(scenario).check()
    (cause,) = caught
    told = cause if connect is asyncpg_queries else cause.diag
    assert type(cause) in (asyncpg.UniqueViolationError, psycopg.errors.UniqueViolation)
    assert (told.sqlstate, told.table_name) == ("23505", "pgqueuer")
    assert told.constraint_name == "pgqueuer_unique_dedupe_key"
    assert str(cause).endswith("DETAIL:  Key (dedupe_key)=(k) already exists.")


@pytest.mark.parametrize(
    ("connect", "in_flight", "closed"),
    [
        (asyncpg_queries, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError),
        (psycopg_queries, psycopg.OperationalError, psycopg.OperationalError),
    ],
)
def test_a_broken_connection_fails_as_the_librarys_does(connect, in_flight, closed):
    caught = []

    async def scenario(sim):
        async def application():
            queries = await connect()
            await sim_breaks.wait()
            statement = asyncio.create_task(queries.queue_size())
            await asyncio.sleep(0.0001)
            broken.set()
            for awaited in (statement, queries.queue_size()):
                try:
                    await awaited
                except Exception as error:
                    caught.append(error)
            return PgQueuer(queries.driver)

        sim_breaks, broken = asyncio.Event(), asyncio.Event()
        worker = sim.worker("a", application)
        await asyncio.sleep(1)
        sim_breaks.set()
        await broken.wait()
        worker.disconnect()
        await asyncio.sleep(1)

    run(scenario)
    assert [type(error) for error in caught] == [in_flight, closed]
    assert all(map(is_by_fault, caught))
    assert caught[0].__context__ is None
    assert "closed" in str(caught[1])


def test_a_closed_connection_of_psycopgs_says_so():
    async def scenario(sim):
        connection = await psycopg.AsyncConnection.connect(autocommit=True)
        queries = Queries(PsycopgDriver(connection))
        await connection.close()
        with pytest.raises(psycopg.OperationalError, match="the connection is closed"):
            await queries.queue_size()
        with pytest.raises(psycopg.OperationalError, match="the connection is closed"):
            await queries.driver.notify("ch", "x")

    run(scenario).check()


def test_who_connects_while_the_server_is_down_is_told_so():
    async def scenario(sim):
        async def application():
            with pytest.raises(asyncpg.CannotConnectNowError, match="starting up"):
                await asyncpg.connect()
            with pytest.raises(psycopg.OperationalError, match="FATAL:  the database system is"):
                await psycopg.AsyncConnection.connect()
            await asyncio.sleep(10)
            return PgQueuer(AsyncpgDriver(await asyncpg.connect()))

        sim.crash_server(downtime=timedelta(seconds=5))
        worker = sim.worker("a", application)
        await asyncio.sleep(20)
        assert worker.alive

    run(scenario).check()


def test_simqueues_own_driver_keeps_simqueues_own_class():
    async def scenario(sim):
        with pytest.raises(PostgresError, match="channel name too long"):
            await sim.driver.notify("c" * 70, "x")

    run(scenario).check()


def test_an_argument_that_asyncpg_cannot_encode_is_a_data_error():
    async def scenario(sim):
        queries = await asyncpg_queries()
        with pytest.raises(asyncpg.DataError, match="int32"):
            await queries.enqueue("mail", None, priority=1 << 40)

    run(scenario).check()


HANDLED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, psycopg.OperationalError)


def keys_of(scenario, config):
    """Return the keys of all that may go wrong in a run."""
    opened = []

    class Listening(Seeded):
        def deviations(self, key):
            opened.append(key)
            return super().deviations(key)

    run(scenario, config=config, choices=Listening(1))
    return opened


@pytest.mark.parametrize("connect", CLIENTS)
@pytest.mark.parametrize("number", range(1, len(REJECTIONS) + 1))
@pytest.mark.parametrize("statement", ["connect", "enqueue"])
def test_a_handler_that_catches_the_librarys_errors_by_name_survives(connect, number, statement):
    async def scenario(sim):
        def application(pq):
            @pq.entrypoint("order", on_failure="hold")
            async def order(job):
                while True:
                    try:
                        queries = await connect()
                        return await queries.enqueue("mail", job.payload)
                    except HANDLED as error:
                        caught.append(error)
                        await asyncio.sleep(1)

        sim.worker("a", application)
        await sim.queries.enqueue("order", b"1")
        await asyncio.sleep(20)
        sizes = await sim.queries.queue_size()
        assert [(str(each.entrypoint), each.count) for each in sizes] == [("mail", 1)]

    caught = []
    config = Config(faults=Faults.named("fail"), invariants=())
    keys = keys_of(scenario, config)
    key = next(key for key in keys if key.startswith("a.2") and f"fail/{statement}" in key)
    caught.clear()
    result = run(scenario, config=config, choices={key: {0: number}})
    result.check()
    assert len(caught) == 1
    assert is_by_fault(caught[0])
    (refused,) = [each.event for each in result.events if isinstance(each.event, StatementFailed)]
    if statement == "connect":
        assert refused.sqlstate == "53300"
        if connect is asyncpg_queries:
            assert type(caught[0]) is asyncpg.TooManyConnectionsError
            assert caught[0].severity == "FATAL"


def test_a_worker_that_asyncpgs_error_ends_is_excused_where_a_fault_explains_it():
    async def scenario(sim):
        async def application():
            return PgQueuer(AsyncpgDriver(await asyncpg.connect()))

        sim.worker("a", application)
        await asyncio.sleep(120)

    config = Config(faults=Faults.named("network"), invariants=())
    runs = [run(scenario, seed=seed, config=config) for seed in range(12)]
    exits = [
        each.event.error
        for result in runs
        for each in result.events
        if isinstance(each.event, WorkerExited) and each.event.error
    ]
    assert [each.failure for each in runs] == [None] * 12
    assert any(error.startswith("ConnectionDoesNotExistError: ") for error in exits)
    told = [
        text
        for result in runs
        for each in result.events
        for text in (getattr(each.event, "message", ""), getattr(each.event, "error", "") or "")
        if isinstance(each.event, LogLine | WorkerExited | ErrorIgnored)
    ]
    assert not any("PostgresError:" in text for text in told)


def test_nothing_is_enqueued_by_a_statement_that_was_rejected():
    async def scenario(sim):
        queries = await asyncpg_queries()
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await queries.enqueue("ma\0il", None)

    result = run(scenario)
    result.check()
    assert not any(isinstance(each.event, JobEnqueued) for each in result.events)
