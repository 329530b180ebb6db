import ctypes
import signal
from datetime import timedelta

import pytest

from simqueue.errors import TargetError, UsageError
from simqueue.search.campaign import fuzz

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
    found = [(one.signature, one.seed, one.count, one.trace) for one in campaign.failures]
    return campaign.runs, campaign.passed, campaign.lost, found


def test_a_campaign_keeps_the_first_seed_of_each_signature_and_counts_the_rest():
    campaign = fuzz(sometimes, runs=60)
    assert len(campaign.failures) == 2
    assert campaign.runs == 60
    assert campaign.passed + sum(found.count for found in campaign.failures) == 60
    for found in campaign.failures:
        assert found.trace.seed == found.seed
        assert found.trace.outcome.failure.signature == found.signature
        alone = fuzz(sometimes, runs=found.seed) if found.seed else None
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
