import asyncio
import ctypes
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from simqueue.errors import TargetError, UsageError
from simqueue.model.config import Config, Faults
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.planning.coverage import gather
from simqueue.sim.run import run

DIE = getattr(ctypes.CDLL(None), "raise")  # the C library's, which no simulation refuses

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)


async def sometimes(sim):
    number = sim.choice(range(6))
    assert number != 3, "three"
    if number == 5:
        raise ValueError("five")


async def never(sim):
    pass


def summary(campaign):
    found = [(one.signature, one.number, one.count, one.trace) for one in campaign.failures]
    return campaign.runs, campaign.passed, campaign.lost, found


def test_a_campaign_keeps_the_first_seed_of_each_signature_and_counts_the_rest():
    campaign = fuzz(sometimes, runs=60)
    assert len(campaign.failures) == 2
    assert campaign.runs == 60
    assert campaign.passed + sum(found.count for found in campaign.failures) == 60
    for found in campaign.failures:
        assert found.trace.seed == found.number
        assert found.trace.outcome.failure.signature == found.signature
        alone = fuzz(sometimes, runs=found.number) if found.number else None
        assert alone is None or found.signature not in [one.signature for one in alone.failures]


def test_the_result_does_not_depend_on_the_number_of_processes():
    alone = fuzz(sometimes, runs=80, seed=5)
    assert summary(fuzz(sometimes, runs=80, seed=5, processes=3)) == summary(alone)


def test_more_processes_than_seeds_are_no_trouble():
    assert fuzz(never, runs=2, processes=5).passed == 2


def test_a_killed_process_loses_its_seed_and_the_campaign_goes_on():
    async def deadly(sim):
        if sim.choice(range(7)) == 2:
            DIE(signal.SIGKILL)

    async def harmless(sim):
        assert sim.choice(range(7)) != 2

    wanted = fuzz(harmless, runs=40)
    campaign = fuzz(deadly, runs=40, processes=2)
    assert campaign.runs == campaign.passed == wanted.passed
    assert len(campaign.lost) == wanted.runs - wanted.passed > 0


def test_what_is_no_scenario_is_refused_in_one_process_and_in_several():
    for processes in (1, 2):
        with pytest.raises(TargetError):
            fuzz(lambda sim: None, runs=4, processes=processes)


def test_numbers_that_make_no_sense_are_refused():
    for numbers in ({"runs": 0}, {"processes": 0}, {"seed": -1}, {"seed": 2**63}):
        with pytest.raises(UsageError):
            fuzz(never, **numbers)


def test_time_that_is_up_ends_a_campaign_after_the_run_under_way():
    campaign = fuzz(never, runs=10**9, time_limit=timedelta(0))
    assert campaign.runs == 1


def test_progress_is_told_after_each_run():
    told = []
    fuzz(sometimes, runs=10, on_progress=told.append)
    assert [campaign.runs for campaign in told] == list(range(1, 11))


def test_a_calm_campaign_deviates_in_nothing():
    async def always(sim):
        assert sim.choice([0, 1, 2])

    (found,) = fuzz(always, runs=20, strategy="calm").failures
    assert found.count == 20
    assert not found.trace.choices


def test_a_campaign_can_end_with_its_first_failure():
    whole = fuzz(sometimes, runs=60)
    campaign = fuzz(sometimes, runs=60, until_failure=True)
    (found,) = campaign.failures
    assert found == replace(whole.failures[0], count=1)
    assert campaign.runs == found.number + 1


@pytest.mark.parametrize("strategy", ["pct:2", "exhaustive:1"])
def test_a_strategy_that_learns_from_a_calm_run_says_so_if_that_is_lost(strategy):
    async def deadly(sim):
        DIE(signal.SIGKILL)

    async def hanging(sim):
        ctypes.CDLL(None).pause()

    for scenario, how, limit in (
        (deadly, "was killed by SIGKILL", 60),  # so that a machine under load is no reason
        (hanging, "took longer than 0.2 s", 0.2),
    ):
        with pytest.raises(UsageError, match=f"its process {how}; choose strategy random"):
            fuzz(
                scenario,
                runs=40,
                processes=2,
                strategy=strategy,
                run_limit=timedelta(seconds=limit),
            )


# --- what never came --------------------------------------------------------------------------


async def reaching(sim):
    sim.sometimes("often", sim.choice(range(2)) == 1)
    sim.sometimes("never", False)
    if sim.chance(0):
        sim.sometimes("not even asked")
    assert sim.choice(range(4)) != 3, "three"


@pytest.mark.parametrize("processes", [1, 3])
def test_a_moment_that_no_run_reached_makes_a_campaign_inconclusive(processes):
    assert fuzz(reaching, runs=40, processes=processes).inconclusive == (
        "sometimes 'never' was never reached",
        "sometimes 'not even asked' was never reached",
    )


def test_a_moment_that_one_run_reached_is_enough():
    async def once(sim):
        sim.sometimes("rare", sim.choice(range(8)) == 5)

    seed = next(seed for seed in range(99) if gather(run(once, seed=seed)).reached)
    assert fuzz(once, runs=seed + 1, strategy="random").inconclusive == ()
    assert fuzz(once, runs=seed, strategy="random").inconclusive == (
        "sometimes 'rare' was never reached",
    )


def test_a_moment_whose_name_is_computed_is_wanted_when_it_was_asked_for():
    async def computed(sim):
        for number in range(2):
            sim.sometimes(f"number {number}", number == 1)

    assert fuzz(computed, runs=2).inconclusive == ("sometimes 'number 0' was never reached",)


def test_runs_that_all_failed_say_nothing_of_what_never_came():
    async def failing(sim):
        await asyncio.wait_for(asyncio.Event().wait(), timeout=1)
        sim.sometimes("after")

    config = Config(faults=Faults(("pause",)))
    assert fuzz(failing, runs=3, config=config).inconclusive == ()


def test_what_a_failed_run_reached_counts():
    async def failing_then(sim):
        first = sim.choice(range(2))
        sim.sometimes("first", first == 1)
        assert not first

    campaign = fuzz(failing_then, runs=20)
    assert campaign.passed
    assert campaign.failures
    assert campaign.inconclusive == ()


def test_a_fault_that_never_struck_is_named():
    async def nobody_to_strike(sim):
        pass

    campaign = fuzz(nobody_to_strike, runs=3, config=Config(faults=Faults(("pause", "crash"))))
    assert campaign.inconclusive == (
        "fault pause was never injected",
        "fault crash was never injected",
    )


def test_a_schedule_that_never_came_due_is_named():
    def app(pq):
        @pq.schedule("hourly", "0 * * * *")
        async def hourly(schedule):
            pass

        @pq.schedule("minutely", "* * * * *")
        async def minutely(schedule):
            pass

    async def ten_minutes(sim):
        sim.worker("a", app)
        await asyncio.sleep(600)

    campaign = fuzz(ten_minutes, runs=2)
    assert not campaign.failures
    assert campaign.inconclusive == ("schedule hourly (0 * * * *) never came due",)
