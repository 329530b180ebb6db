import asyncio
import inspect
import threading
from asyncio import sleep
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from asyncpg import connect, create_pool
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, PsycopgDriver
from pgqueuer.queries import Queries

from simqueue.model.config import Config, Faults
from simqueue.model.events import (
    ConnectionLost,
    JobEnqueued,
    StatementSent,
    WorkerExited,
    WorkerReady,
)
from simqueue.sim.run import run


@pytest.fixture
def psycopg():
    return pytest.importorskip("psycopg")


@pytest.fixture
def steps():
    return []


def register(pq, steps):
    """Register an entrypoint that enqueues for another one, one without jobs, and a schedule."""

    @pq.entrypoint("charge")
    async def charge(job):
        await Queries(pq.connection).enqueue("mail", job.payload)

    @pq.entrypoint("mail")
    async def mail(job):
        steps.append(job.payload)

    @pq.entrypoint("rare", concurrency_limit=2)
    async def rare(job):
        steps.append("rare")

    @pq.schedule("sweep", "* * * * *")
    async def sweep(schedule):
        steps.append(schedule.entrypoint)

    return pq


async def shop(sim, factory):
    """Two workers; every job is done, and they end when they are told to."""
    workers = [sim.worker(name, factory) for name in ("a", "b")]
    await sim.queries.enqueue(["charge"] * 4, [b"1", b"2", b"3", b"4"], [0] * 4)
    await sim.settled()
    await sleep(70)
    for worker in workers:
        worker.stop()
        assert await worker.wait() == "returned"


def factories(steps):  # noqa: C901  a list of small ones
    """Name the forms in which applications connect and make a PgQueuer."""

    async def connection():
        return register(PgQueuer(AsyncpgDriver(await asyncpg.connect("postgres://x"))), steps)

    async def by_name():
        return register(PgQueuer.from_asyncpg_connection(await connect()), steps)

    async def pool():
        made = await create_pool(min_size=2, max_size=3)
        return register(PgQueuer(AsyncpgPoolDriver(made)), steps)

    @asynccontextmanager
    async def managed_pool():
        async with asyncpg.create_pool() as made:
            yield register(PgQueuer.from_asyncpg_pool(made), steps)

    @asynccontextmanager
    async def own_queries():
        connection = await asyncpg.connect()
        try:
            driver = AsyncpgDriver(connection)
            yield register(PgQueuer(connection=driver, queries=Queries(driver)), steps)
        finally:
            await connection.close()

    def in_memory():
        return register(PgQueuer.in_memory(), steps)

    async def helper():
        connections = pytest.importorskip("pgqueuer.adapters.connections")
        return managed_by(connections.connect_asyncpg(), PgQueuer.from_asyncpg_connection)

    async def psycopg():
        module = pytest.importorskip("psycopg")
        connection = await module.AsyncConnection.connect("dbname=x", autocommit=True)
        return register(PgQueuer(PsycopgDriver(connection)), steps)

    @asynccontextmanager
    async def managed_by(connecting, make):
        async with connecting as connection:
            yield register(make(connection), steps)

    def managed_psycopg():
        connections = pytest.importorskip("pgqueuer.adapters.connections")
        pytest.importorskip("psycopg")
        return managed_by(connections.connect_psycopg(), PgQueuer.from_psycopg_connection)

    forms = (connection, by_name, pool, managed_pool, own_queries, in_memory, helper)
    return {form.__name__: form for form in (*forms, psycopg, managed_psycopg)}


FORMS = list(factories([]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_a_factory_of_each_form_runs_as_it_stands(form, seed, steps):
    if "psycopg" in form:
        pytest.importorskip("psycopg")
    if form in ("helper", "managed_psycopg"):
        pytest.importorskip("pgqueuer.adapters.connections")
    result = run(lambda_of(factories(steps)[form]), seed=seed)
    result.check()
    assert sorted(step for step in steps if step != "sweep") == [b"1", b"2", b"3", b"4"]
    assert "sweep" in steps
    ready = [each.event for each in result.events if isinstance(each.event, WorkerReady)]
    assert [each.entrypoints for each in ready] == [(("charge", 0), ("mail", 0), ("rare", 2))] * 2
    assert {each.pooled for each in ready} == {"pool" in form}


def lambda_of(factory):
    async def scenario(sim):
        await shop(sim, factory)

    return scenario


@pytest.mark.parametrize("form", ["connection", "managed_pool"])
def test_a_run_with_a_factory_repeats(form, steps):
    runs = [run(lambda_of(factories(steps)[form]), seed=5, config=faulty()) for _ in range(2)]
    assert runs[0].digest == runs[1].digest


def faulty():
    return Config(faults=Faults.named("network"))


def test_a_pool_of_the_factory_lets_statements_overlap():
    async def factory():
        return PgQueuer.from_asyncpg_pool(await asyncpg.create_pool(min_size=1, max_size=4))

    async def scenario(sim):
        worker = sim.worker("a", factory)
        await sleep(1)
        await asyncio.gather(*(worker.pq.queries.queue_size() for _ in range(8)))

    result = run(scenario)
    result.check()
    sent = [each.event for each in result.events if isinstance(each.event, StatementSent)]
    assert {each.connection for each in sent} >= {"a", "a.2", "a.3", "a.4"}
    assert "a.5" not in {each.connection for each in sent}


def test_a_pool_connects_as_soon_as_it_is_opened_and_not_before():
    async def scenario(sim):
        pool = asyncpg.create_pool(min_size=1, max_size=2)
        before = sim.elapsed()
        await pool
        assert sim.elapsed() > before
        assert (pool.get_min_size(), pool.get_max_size()) == (1, 2)
        async with pool.acquire() as connection:
            assert await Queries.from_asyncpg_connection(connection).enqueue("charge", None) == [1]
        taken = await pool.acquire()
        await pool.release(taken)
        assert not pool.is_closing()
        await pool.close()
        assert pool.is_closing()
        with pytest.raises(asyncpg.InterfaceError, match="pool is closed"):
            await pool.acquire()

    run(scenario).check()


def test_a_pool_is_closed_when_everything_was_given_back():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=2)
        taken = await pool.acquire()
        closing = asyncio.create_task(pool.close())
        await sleep(5)
        assert not closing.done()
        assert not taken.is_closed()
        await pool.release(taken)
        await closing
        with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
            taken.is_closed()

    run(scenario).check()


def test_a_pool_of_one_cannot_listen_as_pgqueuer_says():
    async def factory():
        return PgQueuer.from_asyncpg_pool(await asyncpg.create_pool(min_size=1, max_size=1))

    async def scenario(sim):
        sim.worker("a", factory)
        await sleep(5)

    assert "Pool max size must be greater" in run(scenario).failure.message


def test_psycopg_must_commit_by_itself_as_pgqueuer_says(psycopg):
    async def factory():
        return PgQueuer.from_psycopg_connection(await psycopg.AsyncConnection.connect(""))

    async def scenario(sim):
        sim.worker("a", factory)
        await sleep(5)

    assert "must have autocommit enabled" in run(scenario).failure.message


# --- how it lives and dies ---


def test_finally_runs_when_a_worker_is_stopped_and_not_when_it_is_killed(steps):
    @asynccontextmanager
    async def factory():
        connection = await asyncpg.connect()
        try:
            yield PgQueuer.from_asyncpg_connection(connection)
        finally:
            await Queries.from_asyncpg_connection(connection).enqueue("bye", None)
            await connection.close()
            steps.append(connection.is_closed())

    async def scenario(sim):
        a, b = sim.worker("a", factory), sim.worker("b", factory)
        await sleep(1)
        a.crash()
        b.stop()
        await b.wait()
        await sim.queries.clear_queue()

    result = run(scenario)
    result.check()
    assert steps == [True]
    assert [each.worker for each in result.events if isinstance(each.event, JobEnqueued)] == ["b"]


def test_a_connection_that_was_closed_sends_nothing_and_hears_nothing():
    heard = []

    async def scenario(sim):
        connection = await asyncpg.connect()
        driver = AsyncpgDriver(connection)
        await driver.add_listener("ch", heard.append)
        await sim.driver.notify("ch", "one")
        await sleep(1)
        await connection.close()
        await sim.driver.notify("ch", "two")
        with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
            await driver.notify("ch", "three")
        await sleep(1)

    run(scenario).check()
    assert heard == ["one"]


def test_two_drivers_of_one_connection_both_hear():
    heard = []

    async def scenario(sim):
        connection = await asyncpg.connect()
        first, second = AsyncpgDriver(connection), AsyncpgDriver(connection)
        await first.add_listener("ch", lambda text: heard.append(("first", text)))
        await second.add_listener("ch", lambda text: heard.append(("second", text)))
        await sim.driver.notify("ch", "x")
        await sleep(1)

    run(scenario).check()
    assert heard == [("first", "x"), ("second", "x")]


def test_a_factorys_connections_break_with_its_worker_and_come_back_with_it(steps):
    factory = factories(steps)["managed_pool"]

    async def scenario(sim):
        a = sim.worker("a", factory, restart="always")
        await sleep(1)
        a.disconnect()
        await sleep(1)
        await sim.queries.enqueue("charge", b"1")
        await sim.settled()
        a.crash()
        await sleep(5)
        assert a.alive
        assert a.incarnation == 2
        await sim.queries.enqueue("charge", b"2")
        await sim.settled()

    result = run(scenario)
    result.check()
    assert sum(isinstance(each.event, ConnectionLost) for each in result.events) >= 2
    assert [step for step in steps if step != "sweep"] == [b"1", b"2"]


def test_a_closed_connection_does_not_break(steps):
    async def factory():
        spare = await asyncpg.connect()
        await spare.close()
        return PgQueuer.from_asyncpg_connection(await asyncpg.connect())

    async def scenario(sim):
        a = sim.worker("a", factory, restart="always")
        await sleep(1)
        a.disconnect()

    lost = [each.event for each in run(scenario).events if isinstance(each.event, ConnectionLost)]
    assert [each.connection for each in lost] == ["a.2"]


def test_a_server_that_is_down_lets_no_factory_in(steps):
    factory = factories(steps)["connection"]

    async def scenario(sim):
        sim.crash_server(timedelta(seconds=10))
        a = sim.worker("a", factory, restart="always")
        await sleep(5)
        assert not a.pq
        await sleep(10)
        assert a.pq

    result = run(scenario)
    result.check()
    assert any(isinstance(each.event, WorkerExited) for each in result.events)


# --- the queries that handlers make ---


@pytest.mark.parametrize("of", ["sim", "in memory"])
def test_queries_over_a_simulated_driver_are_simulated_ones(of):
    async def scenario(sim):
        driver = sim.driver if of == "sim" else PgQueuer.in_memory().connection
        queries = Queries(driver)
        assert isinstance(queries, Queries)
        assert await queries.enqueue("charge", None) == [1]
        await sim.queries.clear_queue()

    run(scenario).check()


def test_a_class_of_ones_own_keeps_what_it_does_itself():
    class Own(Queries):
        async def enqueue_twice(self, name):
            return [*await self.enqueue(name, None), *await self.enqueue(name, None)]

        async def enqueue(self, name, payload):
            return await super().enqueue(f"own-{name}", payload)

        async def by_sql(self):
            return await self.driver.fetch("SELECT 1")

    async def scenario(sim):
        queries = Own.from_asyncpg_connection(await asyncpg.connect())
        assert isinstance(queries, Own)
        assert await queries.enqueue_twice("charge") == [1, 2]
        (size,) = await sim.queries.queue_size()
        assert size.entrypoint == "own-charge"
        await sim.queries.clear_queue()
        await queries.by_sql()

    assert "AsyncpgDriver.fetch is refused" in run(scenario).failure.message


def test_outside_of_runs_drivers_and_queries_are_pgqueuers_own():
    async def scenario(sim):
        await asyncpg.connect()

    run(scenario).check()
    queries = asyncio.run(own_queries())
    assert type(queries) is Queries
    assert "fetch" not in vars(queries.driver)
    assert asyncpg.pool.Pool is asyncpg.Pool


async def own_queries():
    return Queries(AsyncpgDriver(object()))


def test_another_thread_connects_in_reality():
    failed = []

    def other():
        async def main():
            with pytest.raises(OSError, match=r"refused|failed|Connect"):
                await asyncpg.connect(host="127.0.0.1", port=1)

        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)

    begin = threading.Event()
    thread = threading.Thread(target=lambda: (begin.wait(), other()))
    thread.start()

    async def scenario(sim):
        begin.set()
        await asyncpg.connect()
        while thread.is_alive():
            await sleep(0.001)

    run(scenario, config=Config(limit=timedelta(days=1000))).check()
    thread.join()
    assert failed == []


# --- refused ---


async def _fetch(connection):
    await connection.fetch("SELECT 1")


async def _execute(connection):
    await connection.execute("UPDATE accounts SET balance = 0")


async def _transaction(connection):
    async with connection.transaction():
        pass


async def _codec(connection):
    await connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (_fetch, "Connection.fetch"),
        (_execute, "Connection.execute"),
        (_transaction, "Connection.transaction"),
        (_codec, "Connection.set_type_codec"),
    ],
)
def test_sql_of_ones_own_is_refused_with_its_place_and_what_to_do(ask, named):
    async def factory():
        connection = await asyncpg.connect()
        pq = PgQueuer.from_asyncpg_connection(connection)

        @pq.entrypoint("charge")
        async def charge(job):
            await ask(connection)

        return pq

    async def scenario(sim):
        sim.worker("a", factory)
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    failure = run(scenario).failure
    assert failure.message.startswith(
        f"RefusedError: asyncpg: {named} is refused inside a simulation "
        f"(at test_factories.py:{ask.__code__.co_firstlineno + 1} in {ask.__name__}): "
    )
    assert "put a fake of your own in place" in failure.message
    assert "resources" in failure.message


def test_sql_over_a_pool_is_refused():
    async def scenario(sim):
        pool = await asyncpg.create_pool()
        await pool.fetchrow("SELECT 1")

    assert "asyncpg: Pool.fetchrow is refused" in run(scenario).failure.message


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda connection: connection.cursor(), "psycopg: AsyncConnection.cursor"),
        (lambda connection: connection.transaction(), "psycopg: AsyncConnection.transaction"),
        (lambda connection: connection.info, "psycopg: AsyncConnection.info"),
        (lambda connection: PsycopgDriver(connection).execute("SELECT 1"), "PsycopgDriver.execute"),
    ],
    ids=["cursor", "transaction", "info", "driver"],
)
def test_sql_over_psycopg_is_refused(psycopg, ask, named):
    async def scenario(sim):
        asked = ask(await psycopg.AsyncConnection.connect(autocommit=True))
        if inspect.isawaitable(asked):
            await asked

    assert f"{named} is refused" in run(scenario).failure.message


def test_a_psycopg_connection_has_the_attributes_of_a_real_one(psycopg):
    async def scenario(sim):
        connection = await psycopg.AsyncConnection.connect(autocommit=True)
        with pytest.raises(AttributeError, match="no attribute 'fetch'"):
            connection.fetch  # noqa: B018
        assert not connection.closed
        await connection.close()
        assert connection.closed

    run(scenario).check()


def test_psycopg_that_blocks_is_refused(psycopg):
    async def scenario(sim):
        psycopg.connect("")

    message = run(scenario).failure.message
    assert "AsyncConnection.connect(..., autocommit=True" in message


def test_pools_of_psycopg_are_refused():
    pool = pytest.importorskip("psycopg_pool")

    async def scenario(sim):
        pool.AsyncConnectionPool("", open=False)

    assert "psycopg_pool.AsyncConnectionPool is refused" in run(scenario).failure.message


def nothing():
    return None


def test_a_factory_that_makes_no_pgqueuer_is_told_so():
    async def scenario(sim):
        sim.worker("a", nothing)
        await sleep(5)

    said = "has to return or yield a PgQueuer, a QueueManager or a SchedulerManager, not NoneType"
    assert said in run(scenario).failure.message


def test_a_pgqueuer_made_before_the_run_is_no_client_of_its_database():
    async def make():
        return PgQueuer.in_memory()

    made = asyncio.run(make())

    async def scenario(sim):
        sim.worker("a", lambda: made)
        await sleep(5)

    failure = run(scenario).failure
    assert "is no client of the simulated database" in failure.message
    assert "inside the factory" in failure.message


def test_a_factory_has_its_own_pool_and_takes_no_other():
    async def scenario(sim):
        sim.worker("a", nothing, pool=3)

    assert "Leave out pool" in run(scenario).failure.message
