import asyncio
import logging

import pytest

from simqueue import InMemoryDriver
from simqueue.adapter import LocalConnection
from simqueue.adapter.connection import AMBIENT


def test_a_driver_can_be_made_where_no_loop_runs():
    driver = InMemoryDriver()

    async def use():
        await driver.notify("channel", "nobody listens")
        driver.shutdown.set()
        await driver.shutdown.wait()

    asyncio.run(use())


@pytest.mark.parametrize("verb", ["fetch", "execute"])
def test_sql_is_refused_with_what_to_do_instead(driver, verb):
    with pytest.raises(NotImplementedError) as refusal:
        asyncio.run(getattr(driver, verb)("SELECT $1", 1))
    assert str(refusal.value) == (
        f"{verb}() needs SQL, which InMemoryDriver does not speak: it cannot run 'SELECT $1'. Call "
        "a method of InMemoryQueries instead, or give this code a driver of a real PostgreSQL."
    )


def test_listeners_are_called_in_the_order_they_were_added(driver):
    heard = []

    async def use():
        await driver.add_listener("channel", lambda payload: heard.append(("first", payload)))
        await driver.add_listener("channel", lambda payload: heard.append(("second", payload)))
        await driver.notify("channel", "x")

    asyncio.run(use())
    assert heard == [("first", "x"), ("second", "x")]


def test_drivers_of_one_database_hear_each_other_and_only_the_channels_they_listen_to(database):
    here, there = InMemoryDriver(database), InMemoryDriver(database)
    heard = []

    async def use():
        await here.add_listener("news", lambda payload: heard.append(("here", payload)))
        await there.add_listener("news", lambda payload: heard.append(("there", payload)))
        await there.add_listener("weather", lambda payload: heard.append(("weather", payload)))
        await here.notify("news", "x")
        await InMemoryDriver().notify("news", "from another database")

    asyncio.run(use())
    assert heard == [("here", "x"), ("there", "x")]


def test_a_removed_listener_is_not_called_and_the_others_are(driver):
    heard = []

    def gone(payload):
        heard.append(("gone", payload))

    async def use():
        await driver.add_listener("channel", gone)
        await driver.add_listener("channel", lambda payload: heard.append(("left", payload)))
        await driver.remove_listener("channel", gone)
        await driver.remove_listener("channel", gone)
        await driver.remove_listener("never", gone)
        await driver.notify("channel", "x")

    asyncio.run(use())
    assert heard == [("left", "x")]


class RememberingConnection(LocalConnection):
    def __init__(self, database):
        super().__init__(database)
        self.asked = []

    async def listen(self, channel):
        self.asked.append(("listen", channel))
        await super().listen(channel)

    async def unlisten(self, channel):
        self.asked.append(("unlisten", channel))
        await super().unlisten(channel)


def test_the_connection_listens_from_the_first_listener_of_a_channel_to_the_last(database):
    connection = RememberingConnection(database)
    driver = InMemoryDriver(connection=connection)
    first, second = [], []

    async def use():
        await driver.add_listener("channel", first.append)
        await driver.add_listener("channel", second.append)
        await driver.remove_listener("channel", first.append)
        assert connection.asked == [("listen", "channel")]
        await driver.remove_listener("channel", second.append)
        await driver.notify("channel", "too late")

    asyncio.run(use())
    assert connection.asked == [("listen", "channel"), ("unlisten", "channel")]
    assert first == second == []


def test_a_listener_that_raises_hurts_nobody_and_is_logged(driver, caplog):
    heard = []

    def broken(payload):
        raise RuntimeError("no")

    async def use():
        await driver.add_listener("channel", broken)
        await driver.add_listener("channel", heard.append)
        await driver.notify("channel", "x")

    with caplog.at_level(logging.ERROR, "simqueue"):
        asyncio.run(use())
    assert heard == ["x"]
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == (
        "simqueue",
        "A listener on channel 'channel' raised",
    )
    assert record.exc_info[0] is RuntimeError


def test_a_listener_may_remove_itself_while_it_is_called(driver):
    heard = []
    pending = []

    def once(payload):
        heard.append(payload)
        pending.append(asyncio.ensure_future(driver.remove_listener("channel", once)))

    async def use():
        await driver.add_listener("channel", once)
        await driver.notify("channel", "x")
        await asyncio.gather(*pending)
        await driver.notify("channel", "y")

    asyncio.run(use())
    assert heard == ["x"]


def test_deliver_calls_this_drivers_listeners_at_once_and_no_other_drivers(database):
    here, there = InMemoryDriver(database), InMemoryDriver(database)
    heard = []

    async def use():
        await here.add_listener("channel", heard.append)
        await there.add_listener("channel", lambda payload: heard.append(("there", payload)))
        here.deliver("channel", "x")
        assert heard == ["x"]

    asyncio.run(use())
    assert heard == ["x"]


def test_a_driver_is_a_context_manager_that_gives_itself_and_keeps_the_tables(database, queries):
    async def use():
        async with InMemoryDriver(database) as driver:
            await type(queries)(driver).enqueue("charge", None)
        assert await queries.queued_work(["charge"]) == 1

    asyncio.run(use())


def test_the_driver_has_a_task_manager_without_tasks(driver):
    async def use():
        assert driver.tm.tasks == set()
        async with driver.tm:
            pass

    asyncio.run(use())


def test_a_driver_made_without_a_database_uses_the_ambient_connection(database):
    connection = LocalConnection(database)
    token = AMBIENT.set(lambda: connection)
    try:
        assert InMemoryDriver().connection is connection
        assert InMemoryDriver(database).connection is not connection
    finally:
        AMBIENT.reset(token)
    assert InMemoryDriver().connection is not connection
