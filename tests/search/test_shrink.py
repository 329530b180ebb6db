import asyncio
import ctypes
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from simqueue.errors import DivergenceError, TraceFormatError, UsageError
from simqueue.model import trace as tracefile
from simqueue.model.choice import by_key
from simqueue.model.choice_key import word_of
from simqueue.model.config import Config, Faults
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.replay.replayer import replay
from simqueue.search.shrink.shrinker import shrink, shrink_further
from simqueue.search.target import load_target
from simqueue.sim.run import run

CALM = Config()
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def failing_trace(scenario, config=CALM):
    (found,) = fuzz(scenario, runs=300, config=config, until_failure=True).failures
    return found.trace


def signature(trace):
    return trace.outcome.failure.signature


def assert_minimal(scenario, trace):
    """Each deviation is needed: without it, the run does not fail like that."""
    for left_out in trace.choices:
        others = by_key(each for each in trace.choices if each is not left_out)
        again = run(scenario, seed=trace.seed, config=trace.config, choices=others)
        assert again.passed or again.failure.signature != signature(trace), left_out


async def two_of_many(sim):
    picked = [sim.chance(0.7) for _ in range(40)]
    await asyncio.sleep(0.1)
    assert not (picked[3] and picked[17])


async def always_failing(sim):
    sim.chance(0.5)
    raise ValueError("always")


def test_only_what_is_needed_is_left():
    trace = failing_trace(two_of_many)
    small = shrink(trace, scenario=two_of_many)
    assert signature(small) == signature(trace)
    assert [each.position for each in small.choices] == [3, 17]
    assert replay(small, scenario=two_of_many).reproduced


def test_what_is_left_is_known_to_be_needed():
    shrunk = shrink_further(failing_trace(two_of_many), scenario=two_of_many)
    assert shrunk.minimal
    assert shrunk.after < shrunk.before
    assert_minimal(two_of_many, shrunk.trace)


def test_what_fails_in_calm_weather_needs_no_deviation_and_no_fault():
    production = Config(faults=Faults.named("production"))
    trace = failing_trace(always_failing, production)
    shrunk = shrink_further(trace, scenario=always_failing)
    assert (shrunk.after, shrunk.runs, shrunk.minimal) == (0, 2, True)
    assert shrunk.trace.config == Config()


async def choosing(sim):
    assert sim.choice(range(100)) < 60


async def rolling(sim):
    sim.random.randint(1, 6)
    assert sim.random.randint(0, 999) < 700


async def hesitating(sim):
    assert not sim.chance(0.5)


@pytest.mark.parametrize(("scenario", "value"), [(choosing, 60), (rolling, 700), (hesitating, 1)])
def test_an_input_becomes_the_least_that_fails(scenario, value):
    (left,) = shrink(failing_trace(scenario), scenario=scenario).choices
    assert left.value == value


async def adding(sim):
    assert sum(sim.random.getrandbits(8) for _ in range(4)) < 200


def test_several_waits_become_one():
    (left,) = shrink(failing_trace(adding), scenario=adding).choices
    assert left.value == 200


async def crossing(sim):
    """Fail if a statement is on its way at an instant that only delays before it lead up to."""
    for _ in range(12):
        began = sim.elapsed()
        await sim.queries.queue_size()
        crossed = timedelta(seconds=0.2)
        assert not began < crossed <= sim.elapsed()


def test_a_long_delay_stands_for_many_short_ones():
    trace = failing_trace(crossing, Config(hop_max=timedelta(milliseconds=250)))
    small = shrink(trace, scenario=crossing)
    assert len(small.choices) == 1
    assert word_of(small.choices[0].key).kind in ("request", "reply")


async def crashing(sim):
    worker = sim.worker("a", lambda pq: None)
    await asyncio.sleep(30)
    assert worker.incarnation == 1


def test_only_the_faults_that_are_needed_are_left():
    trace = failing_trace(crashing, Config(faults=Faults.named("crash,pause,slow,late-notify")))
    small = shrink(trace, scenario=crashing)
    assert small.config.faults.kinds == ("crash",)
    assert len(small.choices) == 1
    assert_minimal(crashing, small)


async def failing_in_two_ways(sim):
    picked = [sim.chance(0.5) for _ in range(3)]
    if not any(picked):
        raise KeyError("another")
    assert not picked[0]


def test_another_failure_does_not_count_and_is_told_of():
    picks = {"scenario scenario chance": {0: 1, 1: 1}}
    trace = run(failing_in_two_ways, choices=picks).trace
    shrunk = shrink_further(trace, scenario=failing_in_two_ways)
    assert signature(shrunk.trace) == signature(trace)
    assert [each.position for each in shrunk.trace.choices] == [0]
    (other,) = shrunk.others
    assert other.startswith("exception:KeyError")


def test_the_budget_is_kept_and_what_was_found_by_then_is_returned(tmp_path):
    calls = os.open(tmp_path / "calls", os.O_CREAT | os.O_APPEND | os.O_RDWR)

    async def counted(sim):
        os.write(calls, b".")
        await two_of_many(sim)

    trace = failing_trace(counted)
    for budget in (1, 5, 12):
        os.ftruncate(calls, 0)
        shrunk = shrink_further(trace, scenario=counted, budget_runs=budget)
        assert shrunk.runs == budget
        # The trace's own run, the others, and the simplest once more in a process of its own.
        assert os.fstat(calls).st_size == budget + 1
        assert not shrunk.minimal
        assert signature(shrunk.trace) == signature(trace)
        assert 2 <= shrunk.after <= shrunk.before


async def deadly_if_calm(sim):
    picked = [sim.chance(0.5) for _ in range(6)]
    if not picked[1]:
        ctypes.CDLL(None)._exit(3)
    assert not picked[4]


def test_a_candidate_that_kills_its_process_does_not_fail_the_same_way():
    picks = {"scenario scenario chance": dict.fromkeys((0, 1, 3, 4), 1)}
    trace = run(deadly_if_calm, choices=picks).trace
    shrunk = shrink_further(trace, scenario=deadly_if_calm)
    assert [each.position for each in shrunk.trace.choices] == [1, 4]
    assert shrunk.minimal
    assert shrunk.others == ()


def test_equal_traces_shrink_to_equal_bytes():
    trace = failing_trace(two_of_many)
    one, other = (tracefile.encode(shrink(trace, scenario=two_of_many)) for _ in range(2))
    assert one == other


def test_who_interrupts_has_the_simplest_so_far():
    seen = []

    def stop(shrunk):
        seen.append(shrunk)
        if shrunk.after < 5:
            raise KeyboardInterrupt

    trace = failing_trace(two_of_many)
    with pytest.raises(KeyboardInterrupt):
        shrink_further(trace, scenario=two_of_many, on_progress=stop)
    assert [shrunk.runs for shrunk in seen] == list(range(1, len(seen) + 1))
    assert signature(seen[-1].trace) == signature(trace)


def test_a_failure_that_is_gone_is_no_silent_success():
    async def repaired(sim):
        for _ in range(40):
            sim.chance(0.7)

    with pytest.raises(DivergenceError, match="If the code changed, record again"):
        shrink(failing_trace(two_of_many), scenario=repaired)


def test_what_cannot_be_shrunk_says_so():
    trace = failing_trace(always_failing)
    passed = run(two_of_many, choices={}).trace
    with pytest.raises(UsageError, match="nothing to shrink"):
        shrink(passed, scenario=two_of_many)
    with pytest.raises(UsageError, match="budget_runs must be 1 or more"):
        shrink(trace, scenario=always_failing, budget_runs=0)
    with pytest.raises(UsageError, match=r"call simqueue\.shrink\(\.\.\., scenario="):
        shrink(msgspec.structs.replace(trace, target=""))
    with pytest.raises(TraceFormatError, match="no such file"):
        shrink("none.json")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "faults", "most"),
    [
        ("lost_update", "none", 0),
        ("silent_retry", "none", 0),
        ("drain_cached_count", "production", 0),
        ("schedule_twice", "none", 0),
        ("retry_lost", "fail", 3),
        pytest.param("double_tick", "production", 5, marks=pytest.mark.thorough),
    ],
)
def test_a_bug_of_the_catalogue_is_left_with_few_deviations(name, faults, most):
    scenario = load_target(str(SCENARIOS / f"{name}.py")).scenario
    trace = failing_trace(scenario, Config(faults=Faults.named(faults)))
    shrunk = shrink_further(trace, scenario=scenario)
    assert signature(shrunk.trace) == signature(trace)
    assert shrunk.after <= most
    assert shrunk.minimal
    assert_minimal(scenario, shrunk.trace)
