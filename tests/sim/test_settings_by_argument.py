"""DBSettings that a client is given: they name the tables, the channel and the trigger."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence import qb
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries

from simqueue.adapter import InMemoryQueries
from simqueue.errors import RefusedError
from simqueue.model.events import HandlerFinished, NotificationDelivered
from simqueue.sim.run import run


def named(prefix, **more):
    """Return the settings that a prefix makes; older releases have none."""
    return DBSettings(
        queue_table=f"{prefix}pgqueuer",
        queue_table_log=f"{prefix}pgqueuer_log",
        statistics_table=f"{prefix}pgqueuer_statistics",
        schedules_table=f"{prefix}pgqueuer_schedules",
        channel=f"{prefix}ch_pgqueuer",
        **more,
    )


def builders(settings):
    return {
        "qbe": qb.QueryBuilderEnvironment(settings),
        "qbq": qb.QueryQueueBuilder(settings),
        "qbs": qb.QuerySchedulerBuilder(settings),
    }


def shop(settings, *, pool=False):
    async def application():
        if pool:
            driver = AsyncpgPoolDriver(await asyncpg.create_pool(min_size=0, max_size=3))
        else:
            driver = AsyncpgDriver(await asyncpg.connect())
        queries = Queries(driver, **builders(settings))
        pq = PgQueuer(driver, channel=settings.channel, queries=queries)

        @pq.entrypoint("mail")
        async def mail(job): ...

        @pq.schedule("sweep", "* * * * *")
        async def sweep(schedule): ...

        return pq

    return application


@pytest.mark.parametrize("pool", [False, True])
def test_workers_with_settings_of_their_own_hear_of_jobs_and_run_them(pool):
    async def scenario(sim):
        sim.worker("a", shop(named("shop_"), pool=pool))
        await asyncio.sleep(40)
        await sim.queries.enqueue("mail", None)
        await sim.settled(timeout=timedelta(seconds=5))
        await asyncio.sleep(60)

    result = run(scenario)
    result.check()
    finished = [each.event for each in result.events if isinstance(each.event, HandlerFinished)]
    assert {each.entrypoint for each in finished} == {"mail", "sweep"}
    assert any(isinstance(each.event, NotificationDelivered) for each in result.events)


def test_a_job_from_before_the_workers_is_theirs():
    async def scenario(sim):
        await sim.queries.enqueue("mail", None)
        sim.worker("a", shop(named("shop_")))
        await sim.settled()

    result = run(scenario)
    result.check()
    assert any(isinstance(each.event, HandlerFinished) for each in result.events)


def test_a_worker_that_listens_to_the_usual_channel_is_not_told_of_jobs():
    """As on PostgreSQL: the trigger notifies the channel of the settings."""
    settings = named("shop_")

    async def application():
        driver = AsyncpgDriver(await asyncpg.connect())
        return PgQueuer(driver, queries=Queries(driver, **builders(settings)))

    async def scenario(sim):
        sim.worker("a", application)
        await asyncio.sleep(1)
        await sim.queries.enqueue("mail", None)
        await sim.queries.clear_queue()

    result = run(scenario)
    assert not any(isinstance(each.event, NotificationDelivered) for each in result.events)


def test_two_prefixes_in_one_run_are_refused_and_both_places_are_named():
    async def scenario(sim):
        sim.worker("a", shop(named("shop_")))
        await asyncio.sleep(1)
        sim.worker("b", shop(named("bill_")))
        await asyncio.sleep(1)

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError: a client with tables of its own, ")
    assert "bill_pgqueuer" in failure.message
    assert "shop_pgqueuer" in failure.message
    assert failure.message.count("test_settings_by_argument.py:") == 2
    assert "two prefixes in one run are not simulated yet" in failure.message


def test_a_web_process_that_forgets_the_prefix_is_refused_and_not_told_that_all_is_well():
    async def scenario(sim):
        sim.worker("a", shop(named("shop_")))
        await asyncio.sleep(1)
        web = Queries(AsyncpgDriver(await asyncpg.connect()))
        with pytest.raises(RefusedError, match="tables of its own"):
            await web.enqueue("mail", None)
        refused.append(web)

    refused = []
    run(scenario)
    assert refused


def test_the_scenarios_own_client_may_be_given_the_settings_too():
    async def scenario(sim):
        settings = named("shop_")
        sim.worker("a", shop(settings))
        web = InMemoryQueries(sim.connect("web"), **builders(settings))
        await web.enqueue("mail", None)
        await sim.settled()

    run(scenario).check()


def test_another_durability_is_another_table():
    async def scenario(sim):
        sim.worker("a", shop(named("shop_", durability="volatile")))
        await asyncio.sleep(1)
        await sim.queries.enqueue("mail", None, execute_after=timedelta(hours=1))
        sim.crash_server()
        sizes.append(await sim.queries.queue_size())

    sizes = []
    run(scenario)
    assert sizes == [[]]


def test_a_search_path_is_a_name_of_the_tables_too():
    async def scenario(sim):
        for path in ("shop, public", "shop"):
            settings = {"search_path": path}
            connection = await asyncpg.connect(server_settings=settings)
            await Queries(AsyncpgDriver(connection)).enqueue("mail", None)
        with pytest.raises(RefusedError, match=r"public\.pgqueuer.*shop\.pgqueuer"):
            await Queries(AsyncpgDriver(await asyncpg.connect())).enqueue("mail", None)
        refused.append(connection)

    refused = []
    run(scenario)
    assert refused
