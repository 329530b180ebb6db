"""What clients call the tables of their database."""

import asyncio

import pytest
from pgqueuer.adapters.persistence import qb
from pgqueuer.domain.settings import DBSettings

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.adapter.database import Database
from simqueue.adapter.installed import names_in_force
from simqueue.errors import UsageError

SHOP = DBSettings(
    queue_table="shop_jobs",
    queue_table_log="shop_log",
    statistics_table="shop_statistics",
    schedules_table="shop_schedules",
    channel="shop_ch",
)


def queries_of(settings, database):
    return InMemoryQueries(
        InMemoryDriver(database),
        qb.QueryBuilderEnvironment(settings),
        qb.QueryQueueBuilder(settings),
        qb.QuerySchedulerBuilder(settings),
    )


def test_settings_given_by_argument_name_the_tables_and_the_channel():
    heard = []

    async def main():
        database = Database()
        queries = queries_of(SHOP, database)
        await queries.driver.add_listener("shop_ch", heard.append)
        await queries.driver.add_listener(names_in_force(0).channel, heard.append)
        await queries.enqueue("mail", None)
        names = database.tables.names
        assert (names.queue_table, names.queue_table_log) == ("shop_jobs", "shop_log")
        assert names.dedupe_index == "shop_jobs_unique_dedupe_key"

    asyncio.run(main())
    (payload,) = heard
    assert '"channel" : "shop_ch"' in payload
    assert '"table" : "shop_jobs"' in payload


def test_a_second_queue_in_one_database_is_refused_by_name():
    async def main():
        database = Database()
        await queries_of(SHOP, database).enqueue("mail", None)
        await queries_of(SHOP, database).enqueue("mail", None)
        with pytest.raises(UsageError, match=r"pgqueuer.* uses public\.shop_jobs"):
            await queries_of(DBSettings(), database).queue_size()

    asyncio.run(main())


def test_a_client_that_only_enqueues_need_not_know_what_the_schedules_are_called():
    async def main():
        database = Database()
        await queries_of(SHOP, database).insert_schedule({})
        web = InMemoryQueries(InMemoryDriver(database), qbq=qb.QueryQueueBuilder(SHOP))
        await web.enqueue("mail", None)
        assert database.tables.names.schedules_table == "shop_schedules"

    asyncio.run(main())
