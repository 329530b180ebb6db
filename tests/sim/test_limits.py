"""Timeouts that clients ask for: who gives up when, and what becomes of the statement."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.queries import Queries

from simqueue.choices import Seeded
from simqueue.errors import is_by_fault
from simqueue.model.config import Config, Faults
from simqueue.model.delays import RUNGS
from simqueue.model.events import JobEnqueued, StatementCommitted, StatementFailed, WorkerExited
from simqueue.sim.run import run

psycopg = pytest.importorskip("psycopg")

SLOW = Config(faults=Faults.named("slow"), invariants=())
TO_BEGIN, TO_COMMIT = 2 * RUNGS - 3, 2 * RUNGS - 2
"""The slowest: a minute before a statement begins, and a minute before it commits."""


def enqueuing(connect, told, *, again=False):
    """Return a scenario in which one worker enqueues a job and tells when it ended, and how."""

    async def scenario(sim):
        async def application():
            queries = await connect()
            for _ in range(2 if again else 1):
                began = sim.elapsed()
                try:
                    ended = await queries.enqueue("mail", None)
                except Exception as error:
                    ended = error
                told.append(((sim.elapsed() - began).total_seconds(), ended))
            await asyncio.sleep(100)
            return PgQueuer(queries.driver)

        sim.worker("a", application)
        await asyncio.sleep(99)

    return scenario


def slowed(scenario, number, told=None, what="enqueue"):
    """Play a scenario in which the worker's first enqueue is slow, and nothing else."""
    config = SLOW
    opened = []

    class Listening(Seeded):
        def deviations(self, key):
            opened.append(key)
            return super().deviations(key)

    run(scenario, config=config, choices=Listening(1))
    if told is not None:
        told.clear()
    key = next(key for key in opened if key.startswith("a ") and f"slow/{what}" in key)
    return run(scenario, config=config, choices={key: {0: number}})


async def impatient():
    return Queries(AsyncpgDriver(await asyncpg.connect(command_timeout=5)))


async def patient():
    return Queries(AsyncpgDriver(await asyncpg.connect()))


async def of_a_pool():
    from pgqueuer.db import AsyncpgPoolDriver

    pool = await asyncpg.create_pool(min_size=1, max_size=3, command_timeout=5)
    return Queries(AsyncpgPoolDriver(pool))


async def by_setting():
    settings = {"statement_timeout": "5s", "application_name": "shop"}
    return Queries(AsyncpgDriver(await asyncpg.connect(server_settings=settings)))


async def by_dsn():
    dsn = "postgresql://app@localhost/app?sslmode=disable&statement_timeout=5000"
    return Queries(AsyncpgDriver(await asyncpg.connect(dsn)))


async def by_options():
    options = "-c statement_timeout=5s -c application_name=shop"
    connection = await psycopg.AsyncConnection.connect("", options=options, autocommit=True)
    return Queries(PsycopgDriver(connection))


@pytest.mark.parametrize("slow", [TO_BEGIN, TO_COMMIT])
@pytest.mark.parametrize("connect", [impatient, of_a_pool])
def test_a_command_timeout_ends_a_slow_statement_and_has_it_rolled_back(connect, slow):
    told = []
    result = slowed(enqueuing(connect, told), slow, told)
    result.check()
    ((seconds, error),) = told
    assert (type(error), is_by_fault(error)) == (TimeoutError, True)
    assert 5 <= seconds < 5.1
    (failed,) = [each for each in result.events if isinstance(each.event, StatementFailed)]
    assert failed.event.sqlstate == "57014"
    assert "user request" in failed.event.message
    assert failed.at > 5_000_000  # the request to cancel has to travel
    assert not any(isinstance(each.event, JobEnqueued) for each in result.events)


def test_the_connection_goes_on_after_a_statement_that_was_cancelled():
    told = []
    slowed(enqueuing(impatient, told, again=True), TO_BEGIN, told).check()
    (_, error), (seconds, ids) = told
    assert isinstance(error, TimeoutError)
    assert len(ids) == 1
    assert seconds < 1


def test_without_a_timeout_a_statement_takes_as_long_as_it_takes():
    told = []
    slowed(enqueuing(patient, told), TO_BEGIN, told).check()
    ((seconds, ids),) = told
    assert seconds > 59
    assert len(ids) == 1


def test_a_statement_that_commits_before_it_is_cancelled_stays():
    """The client gives up while the reply is on its way."""

    async def scenario(sim):
        connection = await asyncpg.connect(command_timeout=0.00025)
        with pytest.raises(TimeoutError):
            await Queries(AsyncpgDriver(connection)).enqueue("mail", None)
        await asyncio.sleep(1)
        assert sim.driver.connection.tables.jobs.count("queued") == 1

    config = Config(hop=timedelta(microseconds=200))
    result = run(scenario, config=config)
    result.check()
    assert not any(isinstance(each.event, StatementFailed) for each in result.events)
    assert any(isinstance(each.event, StatementCommitted) for each in result.events)


@pytest.mark.parametrize("slow", [TO_BEGIN, TO_COMMIT])
@pytest.mark.parametrize("connect", [by_setting, by_dsn, by_options])
def test_statement_timeout_has_the_server_cancel_a_slow_statement(connect, slow):
    told = []
    result = slowed(enqueuing(connect, told), slow, told)
    result.check()
    ((seconds, error),) = told
    ours = psycopg.errors.QueryCanceled if connect is by_options else asyncpg.QueryCanceledError
    assert (type(error), error.sqlstate, is_by_fault(error)) == (ours, "57014", True)
    assert "statement timeout" in str(error)
    assert 5 <= seconds < 5.1
    assert not any(isinstance(each.event, JobEnqueued) for each in result.events)


def test_lock_timeout_ends_the_wait_for_a_lock_and_no_other():
    told = []

    async def scenario(sim):
        async def holder():
            queries = await patient()
            await queries.enqueue("mail", None, dedupe_key="k")
            await asyncio.sleep(1000)

        async def waiter():
            await asyncio.sleep(1)
            settings = {"lock_timeout": "2s"}
            queries = Queries(AsyncpgDriver(await asyncpg.connect(server_settings=settings)))
            began = sim.elapsed()
            with pytest.raises(asyncpg.LockNotAvailableError, match="lock timeout") as caught:
                await queries.enqueue("mail", None, dedupe_key="k")
            assert is_by_fault(caught.value)
            told.append((sim.elapsed() - began).total_seconds())
            await asyncio.sleep(1000)

        sim.worker("a", holder)
        sim.worker("b", waiter)
        await asyncio.sleep(20)

    slowed(scenario, TO_COMMIT, told).check()
    (seconds,) = told
    assert 2 <= seconds < 2.1


@pytest.mark.parametrize(
    ("connect", "error", "wait"),
    [
        (lambda: asyncpg.connect(timeout=3), TimeoutError, 3),
        (lambda: asyncpg.create_pool(min_size=1, timeout=3), TimeoutError, 3),
        (
            lambda: psycopg.AsyncConnection.connect("connect_timeout=1"),
            psycopg.errors.ConnectionTimeout,
            2,
        ),
        (
            lambda: psycopg.AsyncConnection.connect("", connect_timeout=7),
            psycopg.errors.ConnectionTimeout,
            7,
        ),
    ],
)
def test_who_connects_gives_up_in_time(connect, error, wait):
    told = []

    async def scenario(sim):
        async def application():
            began = sim.elapsed()
            with pytest.raises(error) as caught:
                await connect()
            told.append(((sim.elapsed() - began).total_seconds(), is_by_fault(caught.value)))
            await asyncio.sleep(1000)

        sim.worker("a", application)
        await asyncio.sleep(100)

    slowed(scenario, TO_BEGIN, told, "connect").check()
    ((seconds, excused),) = told
    assert wait <= seconds < wait + 0.1
    assert excused


def test_a_timeout_that_ends_a_worker_is_excused_where_a_fault_explains_it():
    async def scenario(sim):
        async def application():
            pq = PgQueuer(AsyncpgDriver(await asyncpg.connect(command_timeout=5)))
            await pq.queries.enqueue("mail", None)
            return pq

        sim.worker("a", application)
        await asyncio.sleep(30)

    result = slowed(scenario, TO_BEGIN)
    result.check()
    assert "TimeoutError" in [
        each.event.error for each in result.events if isinstance(each.event, WorkerExited)
    ]


@pytest.mark.parametrize("wrong", [0, -1, True, "soon"])
def test_a_command_timeout_that_is_none_is_refused_as_asyncpg_does(wrong):
    async def scenario(sim):
        with pytest.raises(ValueError, match="invalid command_timeout value"):
            await asyncpg.connect(command_timeout=wrong)

    run(scenario).check()
