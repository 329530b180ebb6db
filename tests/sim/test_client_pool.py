"""Pools of asyncpg's: sizes, lifetimes, timeouts and callbacks."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.queries import Queries

from simqueue.errors import RefusedError
from simqueue.model.config import Config
from simqueue.model.events import StatementSent
from simqueue.sim.run import run


def played(scenario, **config):
    result = run(scenario, config=Config(**config))
    result.check()
    return result


def connects(result):
    """Return the names of the connections that were opened, in that order."""
    sent = [each.event for each in result.events if isinstance(each.event, StatementSent)]
    return [each.connection for each in sent if each.name == "connect"]


@pytest.mark.parametrize("size", [0, 1, 4])
def test_a_pool_opens_as_many_connections_as_it_is_to_begin_with(size):
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=size, max_size=5)
        assert (pool.get_size(), pool.get_idle_size()) == (size, size)

    assert len(connects(played(scenario))) == size


def test_more_connections_are_opened_as_they_are_needed_and_no_more_than_there_may_be():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=3)
        await asyncio.gather(*(Queries(AsyncpgPoolDriver(pool)).queue_size() for _ in range(9)))
        assert (pool.get_size(), pool.get_idle_size()) == (3, 3)

    assert len(connects(played(scenario))) == 3


def test_who_waits_for_a_connection_gives_up_in_time_and_the_next_one_gets_it():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=1)
        taken = await pool.acquire()
        began = sim.elapsed()
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=2)
        assert sim.elapsed() - began == timedelta(seconds=2)
        with pytest.raises(TimeoutError):
            async with pool.acquire(timeout=3):
                pytest.fail("there is none")
        assert sim.elapsed() - began == timedelta(seconds=5)
        await pool.release(taken)
        async with pool.acquire(timeout=2) as connection:
            assert await Queries(AsyncpgDriver(connection)).enqueue("mail", None) == [1]

    played(scenario)


def test_a_connection_that_was_given_back_is_not_used_any_more():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=2)
        taken = await pool.acquire()
        queries = Queries(AsyncpgDriver(taken))
        await queries.enqueue("mail", None)
        await pool.release(taken)
        await pool.release(taken)  # it does nothing
        for call in (queries.queue_size(), queries.driver.add_listener("ch", print), taken.close()):
            with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
                await call
        with pytest.raises(asyncpg.InterfaceError, match="not a member of this pool"):
            await pool.release(await asyncpg.connect())

    played(scenario)


def test_a_connection_that_is_given_back_hears_nothing_any_more():
    heard = []

    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=1)
        async with pool.acquire() as connection:
            await AsyncpgDriver(connection).add_listener("ch", heard.append)
            await sim.driver.notify("ch", "one")
            await asyncio.sleep(1)
        await sim.driver.notify("ch", "two")
        await asyncio.sleep(1)

    played(scenario)
    assert heard == ["one"]


@pytest.mark.parametrize(("lifetime", "opened"), [(60, 2), (0, 1), (300, 1)])
def test_a_connection_that_nobody_needed_for_its_lifetime_is_replaced(lifetime, opened):
    async def scenario(sim):
        pool = await asyncpg.create_pool(
            min_size=0, max_size=2, max_inactive_connection_lifetime=lifetime
        )
        for _ in range(2):
            await Queries(AsyncpgPoolDriver(pool)).queue_size()
            await asyncio.sleep(61)

    assert len(connects(played(scenario))) == opened


@pytest.mark.skipif(
    not hasattr(asyncpg.Pool, "_maintain_min_size"), reason="only newer pools keep a floor"
)
def test_as_many_connections_as_the_pool_is_to_keep_outlive_their_lifetime():
    async def scenario(sim):
        pool = await asyncpg.create_pool(
            min_size=1, max_size=2, max_inactive_connection_lifetime=60
        )
        queries = Queries(AsyncpgPoolDriver(pool))
        await asyncio.gather(queries.queue_size(), queries.queue_size())
        await asyncio.sleep(61)
        await asyncio.gather(queries.queue_size(), queries.queue_size())

    assert len(connects(played(scenario))) == 3


def test_a_connection_is_replaced_after_as_many_queries_as_it_may_have():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=1, max_size=2, max_queries=4)
        for _ in range(4):
            await Queries(AsyncpgPoolDriver(pool)).queue_size()

    assert len(connects(played(scenario))) == 2


def test_connections_that_were_expired_are_replaced_when_they_are_taken():
    async def scenario(sim):
        pool = await asyncpg.create_pool(min_size=2, max_size=2)
        await pool.expire_connections()
        await Queries(AsyncpgPoolDriver(pool)).queue_size()

    assert len(connects(played(scenario))) == 3


def test_callbacks_are_given_the_connection_when_asyncpg_calls_them():
    calls = []

    def callback(name):
        async def called(connection):
            assert not connection.is_closed()
            calls.append(name)
            if name == "reset":
                await connection.reset()

        return called

    async def scenario(sim):
        names = ("init", "setup", "reset")
        pool = await asyncpg.create_pool(
            min_size=1, max_size=2, **{name: callback(name) for name in names}
        )
        calls.append("made")
        await Queries(AsyncpgPoolDriver(pool)).queue_size()
        async with pool.acquire():
            calls.append("held")

    result = played(scenario)
    assert calls == ["init", "made", "setup", "reset", "setup", "held", "reset"]
    sent = [each.event.name for each in result.events if isinstance(each.event, StatementSent)]
    assert sent == ["connect", "queue_size", "reset", "reset"]


@pytest.mark.parametrize("name", ["init", "setup"])
def test_a_callback_that_raises_costs_the_connection(name):
    async def scenario(sim):
        failing = [ValueError("not yet")]

        async def callback(connection):
            if failing:
                raise failing.pop()

        pool = await asyncpg.create_pool(min_size=0, max_size=1, **{name: callback})
        with pytest.raises(ValueError, match="not yet"):
            await pool.acquire()
        assert pool.get_size() == 0
        async with pool.acquire():
            assert pool.get_size() == 1

    assert len(connects(played(scenario))) == 2


def test_a_pool_that_cannot_connect_is_closed():
    async def scenario(sim):
        async def application():
            pool = asyncpg.create_pool(min_size=1, max_size=2)
            with pytest.raises(asyncpg.InterfaceError, match="pool is not initialized"):
                await pool.acquire()
            with pytest.raises(asyncpg.CannotConnectNowError):
                await pool
            with pytest.raises(asyncpg.InterfaceError, match="pool is closed"):
                await pool.acquire()
            await asyncio.sleep(10)
            return PgQueuer.from_asyncpg_pool(await asyncpg.create_pool(min_size=1))

        sim.crash_server(downtime=timedelta(seconds=5))
        worker = sim.worker("a", application)
        await asyncio.sleep(20)
        assert worker.alive

    played(scenario)


class Own(asyncpg.Connection):
    pass


async def own_connect(*args, **kwargs):
    return await asyncpg.connect()


@pytest.mark.parametrize(
    "options",
    [
        {"connection_class": Own},
        {"connect": own_connect},
        {"server_settings": {"idle_session_timeout": "5s"}},
        {"server_settings": {"default_transaction_isolation": "serializable"}},
        {"target_session_attrs": "read-only"},
    ],
)
def test_an_option_that_would_have_no_effect_is_refused_by_name(options):
    if "connect" in options and not hasattr(asyncpg.Pool, "is_closing"):
        pytest.skip("asyncpg has no such option yet")

    async def scenario(sim):
        with pytest.raises(RefusedError) as caught:
            await asyncpg.create_pool(**options)
        refused.append(caught.value)

    refused = []
    run(scenario)
    ((name,), (error,)) = options, refused
    assert name in error.what
    assert error.where.startswith("test_client_pool.py:")


def test_an_option_that_asyncpg_does_not_have_is_an_error():
    async def scenario(sim):
        with pytest.raises(TypeError, match="nonsense"):
            await asyncpg.create_pool(nonsense=1)

    played(scenario)
