import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType

import asyncpg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.queries import Queries

from simqueue.model.events import HandlerStarted, JobPicked, SchedulePicked, WorkerReady
from simqueue.report.story.timeline import _setting
from simqueue.report.words import words
from simqueue.sim.run import run


async def does_nothing(job):
    pass


async def queries():
    return Queries(AsyncpgDriver(await asyncpg.connect()))


def jobs_alone(done, resources=None):
    async def main():
        manager = QueueManager(await queries(), resources=resources or {})

        @manager.entrypoint("fetch", concurrency_limit=2)
        async def fetch(job):
            done.append(job.id)

        return manager

    return main


def schedules_alone(ticks):
    async def main():
        manager = SchedulerManager(await queries())

        @manager.schedule("tidy", "* * * * *")
        async def tidy(schedule):
            ticks.append(schedule.entrypoint)

        return manager

    return main


def ready(result):
    return [each.event for each in result.events if isinstance(each.event, WorkerReady)]


@pytest.mark.parametrize("seed", range(3))
def test_a_queue_manager_alone_runs_jobs_and_ends_when_it_is_told_to(seed):
    done = []

    async def scenario(sim):
        workers = [sim.worker(name, jobs_alone(done), batch_size=2) for name in "ab"]
        await sim.queries.enqueue(["fetch"] * 6, [None] * 6, [0] * 6)
        await sim.settled()
        assert isinstance(workers[0].pq, QueueManager)
        for worker in workers:
            worker.stop()
            assert await worker.wait() == "returned"

    result = run(scenario, seed=seed)
    result.check()
    assert sorted(done) == [1, 2, 3, 4, 5, 6]
    assert {each.entrypoints for each in ready(result)} == {(("fetch", 2),)}
    started = [each for each in result.events if isinstance(each.event, HandlerStarted)]
    picked = [each.event for each in result.events if isinstance(each.event, JobPicked)]
    assert len(started) == len(picked) == 6
    assert {each.manager for each in picked} <= {each.manager for each in ready(result)}


@pytest.mark.parametrize("seed", range(3))
def test_a_scheduler_manager_alone_ticks_and_ends_when_it_is_told_to(seed):
    ticks = []

    async def scenario(sim):
        workers = [sim.worker(name, schedules_alone(ticks)) for name in "ab"]
        await asyncio.sleep(130)
        for worker in workers:
            worker.stop()
            assert await worker.wait() == "returned"

    result = run(scenario, seed=seed)
    result.check()
    assert ticks == ["tidy", "tidy"]
    assert [each.schedules for each in ready(result)] == [(("tidy", "* * * * *"),)] * 2
    assert sum(isinstance(each.event, SchedulePicked) for each in result.events) == 2
    started = [each.event for each in result.events if isinstance(each.event, HandlerStarted)]
    assert [each.entrypoint for each in started] == ["tidy", "tidy"]
    (alone,) = set(ready(result))
    assert words(alone) == "is ready, for schedules alone"
    assert _setting(alone) == "a SchedulerManager alone, one connection"


def test_a_scheduler_manager_that_ticks_twice_is_found():
    async def scenario(sim):
        @asynccontextmanager
        async def main():
            manager = SchedulerManager(await queries())

            @manager.schedule("tidy", "* * * * *")
            async def tidy(schedule):
                await manager.queries.update_schedule_heartbeat({schedule.id})

            registered = manager.registry
            for key in list(registered):
                registered[key].next_in = lambda: timedelta(0)
                registered[key].get_next = sim.now
            yield manager

        sim.worker("a", main)
        await asyncio.sleep(130)

    assert "schedule-once" in run(scenario).failure.signature


def test_a_manager_is_told_the_options_that_its_run_takes():
    async def drains(sim):
        from pgqueuer.domain.types import QueueExecutionMode

        await sim.queries.enqueue("fetch", None)
        worker = sim.worker("a", jobs_alone([]), mode=QueueExecutionMode.drain)
        assert await worker.wait() == "returned"

    result = run(drains)
    result.check()
    assert [each.drain for each in ready(result)] == [True]


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (schedules_alone([]), "SchedulerManager.run does not take batch_size; it takes no options"),
        (jobs_alone([]), "QueueManager.run does not take size; it takes dequeue_timeout, "),
        (lambda pq: None, "PgQueuer.run does not take size; it takes dequeue_timeout, "),
    ],
)
def test_an_option_that_run_does_not_take_is_refused_by_name(factory, said):
    async def scenario(sim):
        name = "batch_size" if "Scheduler" in said else "size"
        sim.worker("a", factory, **{name: 3})
        await asyncio.sleep(1)

    assert f"UsageError: worker 'a': {said}" in run(scenario).failure.message


def test_a_manager_over_a_pool_is_known_to_have_one():
    async def main():
        pool = await asyncpg.create_pool(min_size=2, max_size=3)
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        manager.entrypoint("x")(does_nothing)
        return manager

    async def scenario(sim):
        sim.worker("a", main)
        await asyncio.sleep(1)

    assert [each.pooled for each in ready(run(scenario))] == [True]


def test_a_manager_of_another_database_is_refused():
    async def main():
        return SchedulerManager(PgQueuer.in_memory().queries)

    made = asyncio.run(main())

    async def scenario(sim):
        sim.worker("a", lambda: made)
        await asyncio.sleep(1)

    assert "its SchedulerManager is no client of the simulated" in run(scenario).failure.message


# --- resources ---


def uses(pq, used):
    @pq.entrypoint("get", accepts_context=True)
    async def get(job, context):
        used.append(context.resources["http"])


def test_a_function_that_registers_handlers_has_the_resources_at_once():
    used, seen = [], []

    def app(pq):
        seen.append(dict(pq.resources))
        uses(pq, used)

    async def scenario(sim):
        sim.worker("a", app, resources={"http": "fake"})
        await sim.queries.enqueue("get", None)
        await sim.settled()

    run(scenario).check()
    assert (used, seen) == (["fake"], [{"http": "fake"}])


def test_resources_take_the_place_of_those_that_a_factory_has_made():
    used = []

    async def main():
        pq = PgQueuer(
            AsyncpgDriver(await asyncpg.connect()), resources={"http": "real", "kept": "kept"}
        )
        uses(pq, used)

        @pq.schedule("tick", "* * * * *", accepts_context=True)
        async def tick(schedule, context):
            used.append(context.resources["kept"])

        return pq

    async def scenario(sim):
        sim.worker("a", main, resources={"http": "fake"})
        await sim.queries.enqueue("get", None)
        await asyncio.sleep(70)

    run(scenario).check()
    assert used == ["fake", "kept"]


def test_resources_of_a_lone_manager_are_replaced_too():
    async def main():
        manager = QueueManager(await queries(), resources={"http": "real"})
        uses(manager, used)
        return manager

    used = []

    async def scenario(sim):
        sim.worker("a", main, resources={"http": "fake"})
        await sim.queries.enqueue("get", None)
        await sim.settled()

    run(scenario).check()
    assert used == ["fake"]


def test_what_a_process_changes_in_its_resources_is_gone_when_it_starts_again():
    seen = []

    def app(pq):
        seen.append(dict(pq.resources))
        pq.resources["http"] = "changed"

    async def scenario(sim):
        worker = sim.worker("a", app, resources={"http": "fake"})
        await asyncio.sleep(1)
        worker.crash()
        worker.restart()
        await asyncio.sleep(1)

    run(scenario).check()
    assert seen == [{"http": "fake"}] * 2


@pytest.mark.parametrize("resources", [["http"], {1: "fake"}, "http"])
def test_resources_are_a_mapping_of_names(resources):
    async def scenario(sim):
        sim.worker("a", lambda pq: None, resources=resources)

    assert "resources is a mapping of names to objects" in run(scenario).failure.message


def test_resources_that_cannot_be_changed_are_named():
    async def main():
        return QueueManager(await queries(), resources=MappingProxyType({}))

    async def scenario(sim):
        sim.worker("a", main, resources={"http": "fake"})
        await asyncio.sleep(1)

    message = run(scenario).failure.message
    assert "are a mappingproxy, which cannot be changed: make it with a dict" in message
