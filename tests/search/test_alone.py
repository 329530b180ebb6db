"""Failures that another run explains: they pass alone, and are not the application's."""

import asyncio
import ctypes
import os
from pathlib import Path

import pytest

from simqueue.errors import UsageError
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.known import Known
from simqueue.search.explain.inevitable import inevitable
from simqueue.search.explain.nearest import nearest_passing
from simqueue.search.replay.replayer import replay
from simqueue.search.shrink.shrinker import shrink
from simqueue.sim.run import run

NOTHING = Known()


def remembering(then=lambda sim: None):
    """Return a scenario that fails in every run but the first, and what it remembers."""
    seen = []

    async def scenario(sim):
        await asyncio.sleep(1)
        seen.append(1)
        assert len(seen) == 1, "seen before"
        then(sim)

    return scenario, seen


def leaked_trace(scenario):
    """Return the trace of the second run in this process."""
    run(scenario)
    trace = run(scenario, seed=1).trace
    assert trace.outcome.failure is not None
    return trace


def test_a_failure_that_passes_alone_is_no_failure_and_names_what_outlives():
    scenario, seen = remembering()
    campaign = fuzz(scenario, runs=5)
    assert campaign.failures == ()
    assert (campaign.runs, campaign.passed) == (5, 5)
    (leak,) = campaign.leaks
    assert leak.number == 1
    assert leak.what == "variable 'seen' around scenario"
    (said,) = campaign.inconclusive
    assert said.startswith("passes alone: something outlives the runs: variable 'seen' around")
    assert "not a failure of the application" in said
    assert len(seen) == 2  # the others were played elsewhere


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_real_failures_are_found_beside_it_whatever_the_number_of_processes():
    def unlucky(sim):
        assert sim.chance(0.8), "unlucky"

    found = []
    for processes in (1, 2):
        scenario, _ = remembering(unlucky)
        campaign = fuzz(scenario, runs=12, processes=processes, strategy="random")
        assert campaign.leaks
        found.append([(each.signature, each.number, each.count) for each in campaign.failures])
    assert found[0] == found[1]
    ((signature, number, _),) = found[0]
    assert "unlucky" in signature
    assert run(remembering(unlucky)[0], seed=number).failure.signature == signature


LIBRARY = ctypes.CDLL(None)  # whose calls no simulation refuses


def children():
    """Return the ids of the children of the process that plays a run, or of this one."""
    pid = LIBRARY.getpid()
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def kill_the_judge(file, others):
    """Kill the child of a process that plays runs, the first time that one has a child.

    ``others`` are children of this process that other tests still need.
    """
    judges = children() - others
    try:
        if judges:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
            LIBRARY.kill(int(judges.pop()), 9)
    except FileExistsError:
        pass


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists(),
    reason="it looks for a child in /proc",
)
def test_a_run_whose_judge_was_killed_does_not_count(tmp_path):
    scenario, seen = remembering()
    others = children()

    async def killing(sim):
        if seen:
            kill_the_judge(tmp_path / "killed", others)
        await scenario(sim)

    how = {"runs": 4, "strategy": "random", "target": "x"}
    campaign = fuzz(killing, processes=2, **how)
    assert (tmp_path / "killed").exists()
    assert [again.why for again in campaign.again] == ["was killed by SIGKILL"]
    assert campaign.failures == campaign.lost == ()
    assert campaign.leaks

    (tmp_path / "killed").unlink()
    with pytest.raises(UsageError, match="start the command again with --resume"):
        fuzz(killing, state=tmp_path, **how)
    seen.clear()
    resumed = fuzz(killing, state=tmp_path, resume=True, **how)
    assert resumed.failures == resumed.lost == ()
    assert resumed.passed == 4


@pytest.mark.thorough
def test_a_failure_that_comes_every_other_time_is_explained_as_well():
    seen = []

    async def scenario(sim):
        seen.append(1)
        assert len(seen) % 3, "third"

    (leak,) = fuzz(scenario, runs=4).leaks
    assert leak.number == 2


@pytest.mark.thorough
def test_one_that_fails_in_another_way_alone_is_told_as_what_it_is_alone():
    seen = []

    async def scenario(sim):
        seen.append(1)
        if len(seen) > 1:
            raise ValueError
        assert sim.chance(0.0)

    campaign = fuzz(scenario, runs=1)
    assert [each.signature.split(":")[1] for each in campaign.failures] == ["AssertionError"]
    assert campaign.leaks == ()
    seen.clear()
    seen_once = fuzz(scenario, runs=2)
    assert [each.signature.split(":")[1] for each in seen_once.failures] == ["AssertionError"]
    assert seen_once.failed == 2
    assert seen_once.leaks[0].verdict == "fails in another way alone"


def test_a_failure_that_fails_alone_is_one_also_when_things_are_kept():
    kept = []

    async def scenario(sim):
        kept.append(1)
        assert sim.chance(0.5), "real"

    campaign = fuzz(scenario, runs=8, strategy="random")
    assert len(campaign.failures) == 1
    assert campaign.leaks == ()


@pytest.mark.thorough
@pytest.mark.parametrize("nearby", [0, 5])
def test_a_trace_that_only_another_run_explains_is_not_reproduced(nearby):
    scenario, seen = remembering()
    trace = leaked_trace(scenario)
    seen.clear()
    again = replay(trace, scenario=scenario, nearby=nearby)
    assert again.verdict == "not-reproduced"
    assert again.run.passed
    assert again.outlives == "variable 'seen' around scenario"
    assert "with the same events, and fails the same way after another run" in str(again)
    assert "the cause lies outside the run" in str(again)


def test_variations_of_a_trace_are_not_spoilt_by_each_other():
    """Each would fail after another, and so would be taken for the failure of the trace."""
    scenario, seen = remembering()

    async def broken(sim):
        await scenario(sim)
        assert not sim.chance(1.0), "seen before"

    async def mended(sim):
        seen.append(1)
        if len(seen) == 3:
            assert not seen, "seen before"

    trace = run(broken).trace
    seen.clear()
    assert replay(trace, scenario=mended, nearby=8).verdict != "drifted-alike"


@pytest.mark.thorough
@pytest.mark.parametrize("search", [shrink, inevitable, nearest_passing])
def test_searches_refuse_such_a_trace_and_say_why(search):
    scenario, seen = remembering()
    trace = leaked_trace(scenario)
    seen.clear()
    with pytest.raises(UsageError, match=r"passes alone.*something outlives the runs"):
        search(trace, scenario=scenario)


@pytest.mark.thorough
@pytest.mark.parametrize("search", [inevitable, nearest_passing])
def test_searches_whose_own_runs_spoil_each_other_say_so(search):
    seen = []

    async def counting(sim):
        seen.append(1)
        await asyncio.sleep(1)
        unlucky = sim.chance(0.5)
        sim.log.info("run", number=len(seen))
        assert not unlucky, "x"

    runs = (run(counting, seed=seed) for seed in range(20) if not seen.clear())
    trace = next(each.trace for each in runs if not each.passed)
    seen.clear()
    with pytest.raises(UsageError, match="something outlives the runs: after"):
        search(trace, scenario=counting)


def test_shrinking_does_without_what_earlier_runs_left_behind():
    seen = []

    async def scenario(sim):
        seen.append(1)
        one, other = sim.chance(0.5), sim.chance(0.5)
        await asyncio.sleep(1)
        assert len(seen) < 2 or not one, "x"  # after another run one of them is enough
        assert len(seen) > 1 or not (one and other), "x"

    trace = next(
        found.trace
        for found in (run(scenario, seed=seed) for seed in range(50) if not seen.clear())
        if found.failure is not None
    )
    seen.clear()
    small = shrink(trace, scenario=scenario)
    seen.clear()
    assert run(scenario, seed=small.seed, choices=small.recorded()).failure is not None
