import asyncio
import json
import time

import pytest
from pgqueuer.domain.errors import DuplicateJobError

from simqueue import InMemoryDriver, InMemoryQueries
from simqueue.adapter import Database
from simqueue.adapter.connection import LocalConnection
from simqueue.adapter.installed import names_in_force
from simqueue.errors import UniqueViolationError
from simqueue.model.events import JobEnqueued, TableChanged
from simqueue.store import Statement


def test_two_queries_on_one_driver_see_the_same_jobs(database):
    driver = InMemoryDriver(database)
    asyncio.run(InMemoryQueries(driver).enqueue("work", None))
    (size,) = asyncio.run(InMemoryQueries(driver).queue_size())
    assert (size.entrypoint, size.count) == ("work", 1)


def test_two_drivers_of_one_database_see_the_same_jobs_and_two_databases_do_not(database):
    asyncio.run(InMemoryQueries(InMemoryDriver(database)).enqueue("work", None))
    assert len(asyncio.run(InMemoryQueries(InMemoryDriver(database)).queue_size())) == 1
    assert asyncio.run(InMemoryQueries(InMemoryDriver()).queue_size()) == []


def test_the_trigger_speaks_on_the_channel_of_the_settings(database):
    driver, heard = InMemoryDriver(database), []

    async def scene():
        await driver.add_listener(names_in_force(0).channel, heard.append)
        await InMemoryQueries(driver).enqueue("work", None)

    asyncio.run(scene())
    (event,) = map(json.loads, heard)
    assert (event["type"], event["operation"]) == ("table_changed_event", "insert")
    assert event["sent_at"].startswith("2024-01-01T00:00:00+00:00")


def test_the_observer_sees_what_was_decided_before_any_listener_does(clock):
    order = []
    database = Database(clock, on_commit=lambda at, events: order.append((at, events)))
    driver = InMemoryDriver(database)

    async def scene():
        await driver.add_listener(names_in_force(0).channel, order.append)
        await InMemoryQueries(driver).enqueue("work", b"x")

    asyncio.run(scene())
    (at, events), heard = order
    assert at == clock()
    assert [type(event) for event in events] == [JobEnqueued, TableChanged]
    assert isinstance(heard, str)


def test_a_rejected_statement_notifies_nobody_and_keeps_the_ids_it_drew(database):
    driver, heard = InMemoryDriver(database), []
    queries = InMemoryQueries(driver)

    async def scene():
        await queries.enqueue("work", None, dedupe_key="k")
        await driver.add_listener(names_in_force(0).channel, heard.append)
        with pytest.raises(DuplicateJobError) as caught:
            await queries.enqueue("work", None, dedupe_key="k")
        assert isinstance(caught.value.__cause__, UniqueViolationError)
        assert heard == []
        return await queries.enqueue("work", None)

    assert asyncio.run(scene()) == [3]


def test_the_clock_moves_on_at_each_reading_although_the_wall_clock_stands_still(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000)
    database, read = Database(), []
    statement = Statement("read", lambda tables, now: [], lambda t, now, e: read.append(now))
    for _ in range(3):
        database.execute(statement)
    assert read == [1_000, 1_001, 1_002]


def test_the_clock_never_goes_back_with_the_wall_clock(monkeypatch):
    walls = iter([5_000_000, 1_000_000, 9_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(walls))
    database, read = Database(), []
    statement = Statement("read", lambda tables, now: [], lambda t, now, e: read.append(now))
    for _ in range(3):
        database.execute(statement)
    assert read == [5_000, 5_001, 9_000]


@pytest.mark.parametrize("name", ["dequeue", "queue_size"])
def test_who_claims_or_asks_in_a_loop_lets_other_tasks_run(database, name):
    order = []

    async def scene():
        asyncio.get_running_loop().call_soon(order.append, "other")
        statement = Statement(name, lambda t, n: [], lambda t, n, e: order.append("executed"))
        await LocalConnection(database).run(statement)
        order.append("returned")

    asyncio.run(scene())
    assert order == ["other", "executed", "returned"]


def test_no_statement_overtakes_another_of_its_connection(database):
    order = []

    async def scene():
        connection = LocalConnection(database)

        async def send(name):
            statement = Statement(name, lambda t, n: [], lambda t, n, e: order.append(name))
            await connection.run(statement)
            order.append(f"{name} returned")

        await asyncio.gather(*map(send, ("dequeue", "enqueue", "queue_size")))

    asyncio.run(scene())
    assert order[::2] == ["dequeue", "enqueue", "queue_size"]
    assert order[1::2] == ["dequeue returned", "enqueue returned", "queue_size returned"]


def test_statements_are_executed_in_the_order_in_which_they_were_sent(database):
    order = []

    async def scene():
        connection = LocalConnection(database)
        await asyncio.gather(
            *(
                connection.run(Statement(name, lambda t, n: [], lambda t, n, e: order.append(n)))
                for name in ("dequeue", "clear_queue", "dequeue")
            )
        )

    asyncio.run(scene())
    assert order == sorted(order)
