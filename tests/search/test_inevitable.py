import asyncio
from datetime import timedelta

import pytest

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.events import LogLine, ScenarioChose
from simqueue.search.explain.inevitable import inevitable
from simqueue.search.explain.points import Points
from simqueue.search.shrink.shrinker import shrink
from simqueue.sim.run import run

CONTINUATIONS = 12
_KEY = "scenario scenario chance"


async def majority(sim):
    """Fails as soon as three of seven throws are yes, and says so at the end alone."""
    yes = 0
    for _ in range(7):
        await asyncio.sleep(1)
        yes += sim.chance(0.5)
        sim.log.info("so far", yes=yes)
    assert yes < 3, "three"


async def lost_race(sim):
    """Fails if the second reader comes before the first has written."""
    balance = 0

    async def add(delay):
        nonlocal balance
        await asyncio.sleep(delay)
        read = balance
        sim.log.info("read")
        await asyncio.sleep(0.010)
        balance = read + 1
        sim.log.info("written")

    delays = [sim.random.uniform(0, 0.03) for _ in range(2)]
    await asyncio.gather(*map(add, delays))
    for _ in range(5):
        sim.chance(0.5)
        sim.log.info("later")
    assert balance == 2, "lost"


def thrown(*yes):
    """A run of ``majority`` that throws these."""
    return run(majority, choices={_KEY: dict.fromkeys(yes, 1)}).trace


def numbers(trace, kind):
    return [number for number, entry in enumerate(trace.events) if isinstance(entry.event, kind)]


def test_the_throw_that_decides_is_named():
    trace = thrown(0, 2, 3, 5)
    found = inevitable(trace, 40, scenario=majority)
    assert found.settled
    assert found.since == numbers(trace, ScenarioChose)[3]
    assert 0 < found.before.same < found.before.played == 40
    assert found.before.passed == 40 - found.before.same
    assert found.before.last == found.since - 1
    assert not found.nothing_left


def test_the_odds_end_with_certainty_and_begin_at_the_start():
    found = inevitable(thrown(0, 2, 3), CONTINUATIONS, scenario=majority)
    assert found.odds[0].first == -1
    assert found.odds[-1].first == found.since
    assert found.odds[-1].same == CONTINUATIONS
    assert all(each.played == CONTINUATIONS for each in found.odds)
    assert [each.first for each in found.odds] == sorted(each.first for each in found.odds)


def by_brute_force(trace, scenario, count):
    """Play every continuation from every point; return after which event the last got away."""
    points = Points(trace, scenario)
    low = -1
    for place, point in enumerate(points.points):
        for number in range(count):
            again = points.continuation(point, number)
            if not points.is_alike(again):
                low = max(low, place, points.shared(again))
    assert low >= 0
    return points.points[low + 1].first if low + 1 < len(points.points) else points.end


@pytest.mark.parametrize("yes", [(0, 1, 2), (0, 2, 3, 5), (1, 4, 5), (0, 3, 6), (2, 3, 4, 5, 6)])
def test_the_search_agrees_with_playing_everything(yes):
    trace = thrown(*yes)
    found = inevitable(trace, CONTINUATIONS, scenario=majority)
    assert found.since == by_brute_force(trace, majority, CONTINUATIONS)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_agrees_with_playing_everything_about_a_race(seed):
    trace = next(
        each.trace
        for each in (run(lost_race, seed=20 * seed + n) for n in range(20))
        if each.failure
    )
    found = inevitable(trace, 8, scenario=lost_race)
    assert found.since == by_brute_force(trace, lost_race, 8)
    said = numbers(trace, LogLine)
    # What comes later does not matter, and by the time the second has read it is over.
    assert found.since <= said[1]
    assert found.since > -1


async def one_of_many(sim):
    for number in range(200):
        yes = sim.chance(0.5)
        if number == 150:
            decisive = yes
        sim.log.info("thrown", number=number)
    assert not decisive


def test_of_many_points_few_are_played_from():
    trace = run(one_of_many, choices={_KEY: {3: 1, 150: 1, 180: 1}}).trace
    told = []
    found = inevitable(trace, 10, scenario=one_of_many, on_progress=told.append)
    assert found.since == numbers(trace, ScenarioChose)[150]
    assert [each.runs for each in told] == list(range(2, found.runs + 1))
    assert found.runs < 200  # there are 200 points to play 10 from


async def always(sim):
    for _ in range(5):
        sim.chance(0.5)
        sim.log.info("on")
    raise ValueError("always")


def test_what_always_fails_is_inevitable_from_the_start():
    found = inevitable(run(always, seed=3).trace, CONTINUATIONS, scenario=always)
    assert (found.since, found.before, found.settled) == (-1, None, True)
    assert not found.nothing_left


async def set_in_stone(sim):
    raise ValueError("always")


def test_where_nothing_is_picked_one_run_is_enough():
    found = inevitable(run(set_in_stone).trace, scenario=set_in_stone)
    assert (found.since, found.before, found.nothing_left, found.runs) == (-1, None, True, 1)


async def last_word(sim):
    for number in range(5):
        yes = sim.chance(0.5)
        sim.log.info("thrown", number=number)
    assert not yes


def test_what_the_last_pick_decides_is_open_to_the_end():
    trace = run(last_word, choices={_KEY: {4: 1}}).trace
    found = inevitable(trace, CONTINUATIONS, scenario=last_word)
    assert found.nothing_left
    assert found.since == numbers(trace, ScenarioChose)[4]
    assert found.before.last == found.since - 1


async def two_ways(sim):
    sim.log.info("begins")
    first = sim.chance(0.5)
    sim.log.info("goes on")
    if sim.chance(0.5):
        raise ValueError("in the other way")
    sim.log.info("goes on")
    assert not first


def test_who_fails_in_another_way_got_away():
    trace = run(two_ways, choices={_KEY: {0: 1}}).trace
    found = inevitable(trace, CONTINUATIONS, scenario=two_ways)
    chose = numbers(trace, ScenarioChose)
    assert found.since == chose[1]
    assert found.before.first == chose[0]
    assert found.before.others == CONTINUATIONS - found.before.same > 0
    assert found.before.passed == 0


def test_it_is_the_same_each_time():
    trace = thrown(0, 2, 3)
    one, other = (inevitable(trace, CONTINUATIONS, scenario=majority) for _ in range(2))
    assert one == other


def test_a_shrunk_trace_tells_the_same_story():
    small = shrink(thrown(0, 2, 3, 5), scenario=majority)
    found = inevitable(small, 40, scenario=majority)
    chosen = [each.event for each in small.choices]
    assert found.since == chosen[2]  # the event that the third pick led to


def test_few_runs_are_not_enough_to_settle_it():
    trace = thrown(0, 2, 3)
    whole = inevitable(trace, CONTINUATIONS, scenario=majority)
    found = inevitable(trace, CONTINUATIONS, scenario=majority, budget_runs=6)
    assert not found.settled
    assert found.runs == 6
    assert found.since >= whole.since


def test_when_the_time_is_over_no_run_begins():
    found = inevitable(thrown(0, 2, 3), scenario=majority, time_limit=timedelta(microseconds=1))
    assert (found.settled, found.runs) == (False, 1)


def test_what_cannot_be_searched_is_refused():
    passed = run(majority, choices={}).trace
    with pytest.raises(UsageError, match="passed"):
        inevitable(passed, scenario=majority)
    with pytest.raises(UsageError, match="continuations must be 2 or more, not 1"):
        inevitable(thrown(0, 1, 2), 1, scenario=majority)
    with pytest.raises(UsageError, match="budget_runs must be 1 or more"):
        inevitable(thrown(0, 1, 2), scenario=majority, budget_runs=0)
    with pytest.raises(DivergenceError):
        inevitable(thrown(0, 1, 2), scenario=always)


def test_a_trace_is_loaded_from_its_file_and_its_scenario_found(project, tmp_path):
    project(
        "late.py",
        """
        async def scenario(sim):
            first = sim.chance(0.5)
            sim.log.info("then")
            sim.chance(0.5)
            assert not first
        """,
    )
    from simqueue.search.target import load_target

    target = load_target("late.py")
    run(target.scenario, choices={_KEY: {0: 1}}, target=target.name).trace.save(tmp_path / "t.json")
    found = inevitable(tmp_path / "t.json", 4)
    assert found.since == 0
