import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from simqueue.errors import UsageError
from simqueue.model.config import Config, Faults
from simqueue.model.events import (
    Entry,
    FaultStruck,
    InvariantBroken,
    Reached,
    ScheduleInserted,
    SchedulePicked,
    WorkerReady,
)
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.planning.coverage import Evidence, gather
from simqueue.sim.run import run


def test_faults_that_struck_in_some_run_are_not_named():
    config = Config(faults=Faults(("pause", "crash")))
    struck = Evidence(struck=frozenset({"crash"})) | Evidence(struck=frozenset({"pause"}))
    assert struck.missing(config) == ()
    assert struck.missing(Config()) == ()


def test_evidence_is_what_the_events_of_a_run_say():
    async def scenario(sim):
        sim.sometimes("x", False)

    played = run(scenario)
    events = (
        Reached("a moment"),
        FaultStruck("pause"),
        WorkerReady("m", schedules=(("sweep", "* * * * *"), ("rest", "0 * * * *"))),
        ScheduleInserted(1, "* * * * *", "sweep", 60),
        ScheduleInserted(2, "0 * * * *", "rest", 60),
        SchedulePicked(1, 60, 120),
        InvariantBroken("no-orphan", "left", "drained"),
    )
    entries = tuple(Entry(0, "a", event) for event in events)
    assert gather(replace(played, events=entries)) == Evidence(
        wanted=frozenset({"x"}),
        reached=frozenset({"a moment"}),
        struck=frozenset({"pause"}),
        scheduled=frozenset({("sweep", "* * * * *"), ("rest", "0 * * * *")}),
        claimed=frozenset({("sweep", "* * * * *")}),
        broken=frozenset({"invariant:no-orphan:drained"}),
        ready=frozenset({"a"}),
    )


# --- what a campaign has to show ---


def test_handlers_that_always_raise_prove_nothing():
    def app(pq):
        @pq.entrypoint("x")
        async def x(job):
            job.paylod.decode()

        @pq.schedule("tidy", "* * * * *")
        async def tidy(schedule):
            raise LookupError(schedule.id)

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("x", b"1")
        await asyncio.sleep(90)

    campaign = fuzz(scenario, runs=2)
    assert not campaign.failures
    entrypoint, schedule = campaign.inconclusive
    assert entrypoint.startswith("entrypoint x: its handler never returned, it always raised Attr")
    assert schedule.startswith("schedule tidy: its handler never returned, it always raised Look")
    allowed = Config(without=("handlers-return",))
    assert fuzz(scenario, runs=2, config=allowed).inconclusive == ()


def test_a_handler_that_returns_in_one_run_has_shown_that_it_can():
    def app(pq, works):
        @pq.entrypoint("x")
        async def x(job):
            if not works:
                raise LookupError(job.id)

    async def scenario(sim):
        sim.worker("a", lambda pq: app(pq, sim.random.random() < 0.5))
        await sim.queries.enqueue("x", None)
        await sim.settled()

    assert fuzz(scenario, runs=12).inconclusive == ()


def test_a_handler_that_is_cancelled_has_not_raised_of_itself():
    def app(pq):
        @pq.entrypoint("x")
        async def x(job):
            await asyncio.sleep(60)

    async def scenario(sim):
        sim.worker("a", app)
        (job,) = await sim.queries.enqueue("x", None)
        await asyncio.sleep(1)
        await sim.queries.mark_job_as_cancelled([job])
        await asyncio.sleep(1)

    assert fuzz(scenario, runs=2).inconclusive == ()


def test_an_entrypoint_that_never_runs_is_named():
    def app(pq):
        for name in ("used", "unused", "later"):

            @pq.entrypoint(name)
            async def handle(job):
                pass

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("used", None)
        await sim.queries.enqueue("later", None, execute_after=timedelta(days=2))
        await asyncio.sleep(5)

    later, unused = fuzz(scenario, runs=2).inconclusive
    assert later.startswith("entrypoint later never ran: its jobs were still waiting when the runs")
    assert unused.startswith("entrypoint unused never ran: enqueue a job for it")
    allowed = Config(without=("entrypoints-run",))
    assert fuzz(scenario, runs=2, config=allowed).inconclusive == ()


def test_jobs_that_no_worker_registers_are_named():
    def app(pq):
        @pq.entrypoint("x")
        async def x(job):
            pass

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue(["x", "y"], [None] * 2, [0] * 2)
        await asyncio.sleep(5)

    (remark,) = fuzz(scenario, runs=2).inconclusive
    assert remark.startswith("jobs of y stay queued: no worker registers 'y'")

    async def cleared(sim):
        await scenario(sim)
        await sim.queries.clear_queue("y")

    async def without_workers(sim):
        await sim.queries.enqueue("y", None)

    assert fuzz(cleared, runs=2).inconclusive == ()
    assert fuzz(without_workers, runs=2).inconclusive == ()


def half(pq):
    @pq.entrypoint("bad", on_failure="hold")
    async def bad(job):
        if job.id % 2:
            raise LookupError(job.id)


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (lambda sim: sim.settled(), True),
        (lambda sim: sim.settled(held=True), False),
        (lambda sim: looking(sim, "list_failed_jobs"), False),
        (lambda sim: looking(sim, "queue_log"), False),
    ],
    ids=["settled", "allowed", "list", "log"],
)
def test_held_jobs_that_the_scenario_does_not_look_at_are_named(ending, told):
    async def scenario(sim):
        sim.worker("a", half)
        await sim.queries.enqueue(["bad"] * 2, [None] * 2, [0] * 2)
        await ending(sim)

    remarks = fuzz(scenario, runs=2).inconclusive
    assert [each.startswith("jobs of bad failed and are held") for each in remarks] == [True] * told


async def looking(sim, method):
    await sim.settled()
    await getattr(sim.queries, method)()


def test_a_name_that_is_neither_an_invariant_nor_expected_of_campaigns_is_refused():
    async def scenario(sim):
        pass

    with pytest.raises(
        UsageError, match=r"no invariant is named 'handlers-retrun'; .*handlers-return"
    ):
        fuzz(scenario, runs=1, config=Config(without=("handlers-retrun",)))


def test_a_handler_that_cancels_itself_has_not_been_cancelled():
    def app(pq):
        @pq.entrypoint("x")
        async def x(job):
            task = asyncio.create_task(asyncio.sleep(10))
            await asyncio.sleep(0.1)
            task.cancel()
            await task

    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("x", None)
        await sim.settled()

    (remark,) = fuzz(scenario, runs=2).inconclusive
    assert remark.startswith("entrypoint x: its handler never returned, it always raised Cancelled")


def test_a_worker_that_never_becomes_ready_is_named():
    async def broken():
        raise RuntimeError("no config")

    async def scenario(sim):
        sim.worker("b", broken, restart="always")
        await asyncio.sleep(5)

    (remark,) = fuzz(scenario, runs=2).inconclusive
    assert remark.startswith("worker b never became ready: it ended with RuntimeError: no config")
