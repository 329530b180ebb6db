import asyncio
from datetime import timedelta

import pytest

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.events import ScenarioChose
from simqueue.report.difference import first_difference
from simqueue.search.explain.nearest import nearest_passing
from simqueue.search.replay.replayer import replay
from simqueue.sim.run import run

_KEY = "scenario scenario chance"


def threw(scenario, *yes):
    return run(scenario, choices={_KEY: dict.fromkeys(yes, 1)}).trace


def throws(count):
    def thrown(sim):
        found = []
        for number in range(count):
            found.append(sim.chance(0.5))
            sim.log.info("thrown", number=number)
        return found

    return thrown


async def two_needed(sim):
    thrown = throws(10)(sim)
    assert not (thrown[2] and thrown[7])


async def two_in_calm(sim):
    """Fails unless two throws are yes."""
    thrown = throws(10)(sim)
    assert all((thrown[2], thrown[7]))


async def one_in_calm(sim):
    """Fails unless one throw of two is yes."""
    thrown = throws(10)(sim)
    assert thrown[2] or thrown[7]


async def always(sim):
    throws(10)(sim)
    raise ValueError("always")


def chosen(trace, number):
    """The event of a throw."""
    of = [n for n, entry in enumerate(trace.events) if isinstance(entry.event, ScenarioChose)]
    return of[number]


def test_of_the_choices_that_decide_the_last_is_put_back():
    trace = threw(two_needed, 0, 2, 4, 7, 9)
    found = nearest_passing(trace, scenario=two_needed)
    (change,) = found.changes
    assert (change.there.position, change.here) == (7, None)
    assert found.passing.outcome.passed
    assert found.parted == chosen(trace, 7)
    assert found.parted == first_difference(trace, found.passing).number
    assert (found.put_back, found.moved, found.others, found.settled) == (5, 0, 0, True)
    assert [each.position for each in found.passing.choices] == [0, 2, 4, 9]


def test_the_passing_run_is_a_trace_that_replays():
    found = nearest_passing(threw(two_needed, 2, 7), scenario=two_needed)
    assert replay(found.passing, scenario=two_needed).reproduced


async def slow(sim):
    late = sim.random.uniform(0, 10)
    await asyncio.sleep(late)
    sim.log.info("there")
    assert late < 4


def test_it_is_put_back_only_as_far_as_it_takes():
    trace = next(each.trace for each in (run(slow, seed=n) for n in range(50)) if each.failure)
    found = nearest_passing(trace, scenario=slow)
    (change,) = found.changes
    assert change.here.value < change.there.value
    assert 3.99 < 10 * change.here.value / change.here.of < 4
    assert found.put_back == len(trace.choices)
    assert found.moved > 5


def test_of_a_run_that_fails_in_calm_the_last_throw_that_helps_is_moved():
    trace = threw(one_in_calm)
    found = nearest_passing(trace, scenario=one_in_calm)
    (change,) = found.changes
    assert change.there is None
    assert (change.here.position, change.here.value) == (7, 1)
    assert found.put_back == 0
    assert found.moved >= 2


def test_where_no_single_choice_decides_the_fewest_are_told():
    found = nearest_passing(threw(two_in_calm), scenario=two_in_calm)
    assert sorted(change.here.position for change in found.changes) == [2, 7]
    assert all(change.there is None for change in found.changes)
    assert found.passing.outcome.passed
    assert found.continued > 0
    assert found.moved == 10


def test_what_always_fails_has_no_passing_run():
    found = nearest_passing(threw(always, 1, 3), scenario=always)
    assert (found.passing, found.changes, found.settled) == (None, (), True)
    assert found.put_back == 2
    assert found.moved == 8
    assert found.continued == 20
    assert found.runs == 31


async def in_another_way(sim):
    first, _ = sim.chance(0.5), sim.log.info("then")
    if not first:
        raise ValueError("the other way")
    raise KeyError("one way")


def test_failures_of_another_kind_are_counted():
    found = nearest_passing(threw(in_another_way, 0), scenario=in_another_way)
    assert found.passing is None
    assert found.others >= 1


def test_it_is_the_same_each_time():
    trace = threw(two_in_calm, 4)
    one, other = (nearest_passing(trace, scenario=two_in_calm) for _ in range(2))
    assert one == other


def test_what_was_found_by_then_is_kept_when_the_runs_are_spent():
    told = []
    trace = threw(two_needed, 0, 2, 4, 7, 9)
    found = nearest_passing(trace, scenario=two_needed, budget_runs=4, on_progress=told.append)
    assert (found.settled, found.runs, len(told)) == (False, 4, 3)
    assert found.changes[0].there.position == 7
    late = nearest_passing(trace, scenario=two_needed, time_limit=timedelta(microseconds=1))
    assert (late.settled, late.runs, late.passing) == (False, 1, None)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(UsageError, match="passed"):
        nearest_passing(threw(two_needed), scenario=two_needed)
    with pytest.raises(UsageError, match="budget_runs must be 1 or more"):
        nearest_passing(threw(two_needed, 2, 7), scenario=two_needed, budget_runs=0)
    with pytest.raises(DivergenceError):
        nearest_passing(threw(two_needed, 2, 7), scenario=two_in_calm)
