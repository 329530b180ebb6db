import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.choice_key import word_of
from simqueue.model.config import Config, Faults
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.explain.points import START, Points, scenario_to_vary
from simqueue.search.target import load_target
from simqueue.sim.run import run

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def failing_trace(scenario, config=Config()):  # noqa: B008  frozen
    (found,) = fuzz(scenario, runs=300, config=config, until_failure=True).failures
    return found.trace


@pytest.fixture(scope="module")
def lost_update():
    scenario = load_target(str(SCENARIOS / "lost_update.py")).scenario
    return scenario, failing_trace(scenario)


@pytest.fixture(scope="module")
def faulty():
    """A failing run in which each second things go wrong, too."""
    scenario = load_target(str(SCENARIOS / "lost_update.py")).scenario
    return scenario, failing_trace(scenario, Config(faults=Faults.named("production")))


@pytest.mark.parametrize("fixture", ["lost_update", "faulty"])
def test_a_continuation_does_the_same_up_to_its_point_and_differs_after(fixture, request):
    scenario, trace = request.getfixturevalue(fixture)
    points = Points(trace, scenario)
    assert points.run.digest == trace.digest
    some = points.points[:: max(1, len(points.points) // 12)]
    for point in some:
        for number in (0, 1, 2):
            again = points.continuation(point, number)
            assert again.events[: point.last + 1] == trace.events[: point.last + 1]
            before = [choice for choice in trace.choices if choice.event <= point.first]
            assert list(again.choices[: len(before)]) == before
    assert points.continuation(some[3], 1).digest != trace.digest


def test_whatever_event_of_a_point_it_is_that_a_run_goes_on_from_it_is_the_same(lost_update):
    scenario, trace = lost_update
    points = Points(trace, scenario)
    wide = max(points.points[1:], key=lambda point: point.last - point.first)
    assert wide.last > wide.first
    one = points.continuation(wide, 3)
    other = points.continuation(replace(wide, first=wide.last), 3)
    assert one.digest == other.digest


def test_points_cover_the_log_without_gaps(lost_update):
    scenario, trace = lost_update
    points = Points(trace, scenario)
    assert points.points[0].first == START
    for one, other in zip(points.points, points.points[1:], strict=False):
        assert other.first == one.last + 1
        assert other.made > one.made
    assert points.end == points.points[-1].last + 1
    assert points.end <= len(trace.events)


def test_continuations_of_equal_numbers_are_equal_and_of_others_are_not(lost_update):
    scenario, trace = lost_update
    one, other = Points(trace, scenario), Points(trace, scenario)
    point = one.points[5]
    assert one.continuation(point, 4).digest == other.continuation(point, 4).digest
    assert one.continuation(point, 4).digest != one.continuation(point, 5).digest


def test_number_0_goes_on_calmly(lost_update):
    scenario, trace = lost_update
    points = Points(trace, scenario)
    calm = run(scenario, seed=trace.seed, config=trace.config, choices={})
    assert points.continuation(points.points[0], 0).events == calm.events


def test_what_a_run_shares_reaches_to_the_first_pick_that_differs(lost_update):
    scenario, trace = lost_update
    points = Points(trace, scenario)
    middle = len(points.points) // 2
    for number in range(4):
        again = points.continuation(points.points[middle], number)
        shared = points.shared(again)
        assert shared >= middle
        first = points.points[shared].first
        assert again.events[: first + 1] == trace.events[: first + 1]
    assert points.shared(points.run) == len(points.points) - 1


def test_picks_are_told_with_the_number_of_events_they_came_after(lost_update):
    scenario, trace = lost_update
    points = Points(trace, scenario)
    options = {(key, position): (of, event) for key, position, of, event in points.options()}
    for choice in trace.choices:
        assert options[choice.key, choice.position] == (choice.of, choice.event)


async def idling(sim):
    """Does nothing for half a minute, while each second things may go wrong, and fails."""
    sim.worker("a", lambda pq: None, restart="always")
    await asyncio.sleep(30)
    raise ValueError("too late")


def strikes(run):
    return [choice for choice in run.choices if word_of(choice.key).is_each_second]


def test_what_strikes_once_a_second_is_kept_up_to_the_point_and_drawn_afresh_after_it():
    config = Config(faults=Faults.named("pause,skew"))
    played = next(
        each
        for each in (run(idling, seed=seed, config=config) for seed in range(200))
        if len(strikes(each)) > 2
    )
    points, fresh = Points(played.trace, idling), []
    for point in points.points[:: max(1, len(points.points) // 20)]:
        kept = [choice for choice in strikes(played) if choice.event <= point.first]
        assert strikes(points.continuation(point, 0)) == kept
        for number in range(1, 6):
            drawn = strikes(points.continuation(point, number))
            assert drawn[: len(kept)] == kept
            fresh += drawn[len(kept) :]
    assert not set(fresh) <= set(strikes(played))


async def passing(sim):
    sim.chance(0.5)


async def failing(sim):
    assert sim.chance(0.5) is None


def test_only_failing_runs_have_points():
    with pytest.raises(UsageError, match="passed"):
        Points(run(passing).trace, passing)


def test_a_trace_that_does_not_fail_any_more_is_refused():
    with pytest.raises(DivergenceError):
        Points(run(failing).trace, passing)


def test_what_decides_on_its_own_is_noticed():
    calls = iter(range(100))

    async def leaky(sim):
        sim.log.info("call", number=next(calls))
        sim.chance(0.5)
        sim.chance(0.5)
        raise ValueError

    points = Points(run(leaky).trace, leaky)
    with pytest.raises(UsageError, match="something outlives the runs"):
        points.continuation(points.points[-1], 1)


def test_a_trace_of_a_test_is_refused_with_what_to_do():
    trace = msgspec.structs.replace(run(failing).trace, target="pytest:tests/test_a.py::test_b")
    with pytest.raises(UsageError, match=r"search\.nearest\.nearest_passing\(trace, scenario"):
        scenario_to_vary(trace, "nearest.nearest_passing")
