import asyncio
from datetime import timedelta

from simqueue.model import events as e
from simqueue.model.config import Config, Faults
from simqueue.model.delays import RUNGS
from simqueue.sim.run import run


def seconds(number):
    return timedelta(seconds=number)


def slow_shop(pq):
    @pq.entrypoint("charge")
    async def charge(job):
        await asyncio.sleep(3)


def greedy(pq):
    """Sit on a job that nobody runs: a bug of an application that claims by itself."""

    @pq.entrypoint("charge")
    async def charge(job):
        await asyncio.sleep(0)


async def leaves_an_orphan(sim):
    """A worker dies with a job, and the only one left has no entrypoint for it until later."""
    a = sim.worker("a", slow_shop)
    await sim.queries.enqueue("charge", None)
    await asyncio.sleep(1)
    a.crash()
    sim.worker("b", slow_shop)
    await asyncio.sleep(1)


def test_a_run_goes_on_after_its_scenario_until_what_is_owed_is_done():
    result = run(leaves_an_orphan)
    result.check()
    (again,) = [each for each in result.events if getattr(each.event, "stale", False)]
    assert again.worker == "b"
    assert seconds(30) < result.simulated < seconds(80)


def test_what_is_owed_and_not_done_fails_a_run_after_its_scenario():
    async def scenario(sim):
        await leaves_an_orphan(sim)
        sim.driver.connection._server.execute = lambda request: None  # nobody is answered any more

    result = run(scenario, choices={})
    assert result.failure.signature == "invariant:no-orphan:forever"
    assert (
        "job 1 (charge) stayed picked in the name of a, which has ended" in result.failure.message
    )
    assert isinstance(result.events[-1].event, e.InvariantBroken)


def test_nothing_is_waited_for_when_nothing_is_owed():
    async def scenario(sim):
        sim.worker("a", slow_shop)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(2)

    result = run(scenario, choices={})
    result.check()
    assert result.simulated == seconds(2) + timedelta(microseconds=400)


def test_a_scenario_that_fails_is_not_gone_on_with():
    async def scenario(sim):
        await leaves_an_orphan(sim)
        raise ValueError("enough")

    result = run(scenario)
    assert result.failure.message == "ValueError: enough"
    assert result.simulated < seconds(4)


def test_faults_end_with_the_scenario_and_then_what_is_owed_falls_due():
    async def scenario(sim):
        sim.worker("a", slow_shop)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(21.5)

    forever = {"a second disaster:crash/second": {0: 1}, "a back": {0: RUNGS - 1}}
    config = Config(faults=Faults(("crash",)))
    result = run(scenario, choices=forever, config=config)
    result.check()
    kinds = [type(each.event) for each in result.events]
    assert kinds.index(e.WorkerCrashed) < kinds.index(e.Healed)
    assert [each.at for each in result.events if isinstance(each.event, e.Healed)] == [21_500_400]
    # What the killed worker held is run before the end, though nobody waited for it.
    assert e.HandlerFinished in kinds[kinds.index(e.Healed) :]


def test_to_settle_means_that_faults_end_when_they_keep_it_from_settling():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.sleep(20)

        sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await sim.settled(seconds(100))

    # It is killed every twelve seconds.
    killing = {"a second disaster:crash/second": dict.fromkeys(range(10, 400, 12), 1)}
    result = run(scenario, choices=killing, config=Config(faults=Faults(("crash",))))
    result.check()
    assert seconds(100) < result.simulated < seconds(200)
    (healed,) = [each.at for each in result.events if isinstance(each.event, e.Healed)]
    assert 100_000_000 <= healed < 101_000_000


def test_when_it_does_not_settle_the_invariant_that_knows_why_is_the_failure():
    async def scenario(sim):
        await leaves_an_orphan(sim)
        sim.driver.connection._server.execute = lambda request: None
        await sim.settled()

    result = run(scenario, choices={})
    assert result.failure.signature == "invariant:no-orphan:forever"


def test_an_accepted_verdict_is_written_down_and_ends_nothing():
    async def scenario(sim):
        await leaves_an_orphan(sim)
        sim.driver.connection._server.execute = lambda request: None

    result = run(scenario, choices={}, config=Config(accepted=("invariant:no-orphan:forever",)))
    result.check()
    broken = [each.event for each in result.events if isinstance(each.event, e.InvariantBroken)]
    assert [each.signature for each in broken] == ["invariant:no-orphan:forever"]
    assert result.simulated < seconds(100)


def test_a_worker_whose_listener_fails_is_to_blame_unless_somebody_broke_it():
    """Over a pool the first ping may overtake LISTEN, which is nobody's doing but PgQueuer's."""

    async def scenario(sim):
        a = sim.worker(
            "a", slow_shop, pool=3, shutdown_on_listener_failure=True, dequeue_timeout=seconds(1)
        )
        await asyncio.sleep(12)
        a.disconnect()
        await asyncio.sleep(60)
        assert "FailingListenerError" in a.exit

    passed = set()
    for seed in range(12):
        result = run(scenario, seed=seed, config=Config(invariants=()))
        passed.add(result.passed)
        if not result.passed:
            assert result.failure.message == "FailingListenerError"
            assert result.simulated < seconds(12)
    assert passed == {True, False}


def test_invariants_are_switched_by_name():
    async def scenario(sim):
        await leaves_an_orphan(sim)
        sim.driver.connection._server.execute = lambda request: None

    for config in (
        Config(without=("no-orphan",)),
        Config(invariants=("single-runner", "schedule-once")),
        Config(invariants=()),
    ):
        run(scenario, choices={}, config=config).check()
    only = Config(invariants=("no-orphan",))
    assert run(scenario, choices={}, config=only).failure.where == "no-orphan"
