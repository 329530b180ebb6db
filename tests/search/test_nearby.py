import asyncio
from itertools import islice

import pytest

from simqueue.model.choice import Choice
from simqueue.report.findings.replay import render_moves
from simqueue.search.replay.nearby import look_nearby, moves, unmet_in, variations
from simqueue.search.replay.replayer import replay
from simqueue.sim.run import run

CHOICES = (
    Choice("one order", 4, 1, 2, 10, 3, "two a before b"),
    Choice("one lag", 2, 9, 64, 20, 4, "b"),
    Choice("one main dequeue disaster:crash/dequeue", 0, 1 + 3 * 5, 4609, 25, 6),
    Choice("scenario scenario choice", 0, 2, 3, 30, 9),
)


def drawing(before):
    async def unlucky(sim):
        for _ in range(before):
            sim.choice([0, 1])
        drawn = [sim.choice([0, 1]) for _ in range(4)]
        await asyncio.sleep(1)
        assert drawn != [0, 1, 1, 0], "bad luck"

    return unlucky


unlucky, unlucky_with_one_draw_more = drawing(0), drawing(1)


async def fixed(sim):
    [sim.choice([0, 1]) for _ in range(4)]
    await asyncio.sleep(1)
    sim.log.info("all is well")


async def hurried(sim):
    [sim.choice([0, 1]) for _ in range(4)]
    sim.log.info("all is well")


async def asking_less(sim):
    [sim.choice([0, 1]) for _ in range(2)]
    await asyncio.sleep(1)
    sim.log.info("all is well")


CHOSEN = {"scenario scenario choice": {1: 1, 2: 1}}


def recorded(scenario=unlucky):
    return run(scenario, choices=CHOSEN, seed=7).trace


def test_no_variation_comes_twice_and_none_is_the_trace_as_it_stands():
    found = list(variations(CHOICES))
    assert len(found) == len(set(found)) > 20
    assert all(variation.anchored or variation.choices != CHOICES for variation in found)


def test_the_most_likely_comes_first():
    first, second, third = islice(variations(CHOICES), 3)
    assert [first.anchored, second.anchored] == [("order",), ("order", "lag")]
    assert third.choices[1].value == 10


def test_a_calm_trace_has_no_variations():
    assert list(variations(())) == []


def test_variations_keep_to_what_can_be_picked():
    for variation in variations(CHOICES):
        for choice in variation.choices:
            assert 0 < choice.value < choice.of or choice.key.endswith("order")
            assert choice.position >= 0


def test_a_fault_strikes_some_steps_later():
    values = {variation.choices[2].value for variation in variations(CHOICES)}
    assert {16 + 3 * steps for steps in (-2, -1, 0, 1, 2, 3)} <= values


def test_a_failure_is_found_where_its_choices_are_now():
    trace = recorded()
    again = replay(trace, scenario=unlucky_with_one_draw_more)
    assert again.verdict == "drifted-alike"
    assert again.run.failure.signature == trace.outcome.failure.signature
    assert [move.position for move in again.moved] == [2, 3]
    assert "after choices were moved: 'scenario scenario choice' from 1 to 2" in str(again)
    assert f"from event {again.divergence.number} on" in str(again)


def test_nothing_is_tried_nearby_if_it_is_not_wanted():
    again = replay(recorded(), scenario=unlucky_with_one_draw_more, nearby=0)
    assert (again.verdict, again.nearby) == ("drifted-passed", None)


def test_the_budget_is_kept():
    trace = recorded()
    for budget in (1, 5, 12):
        found = look_nearby(fixed, trace, run(fixed, choices=CHOSEN), budget)
        assert found.runs == budget
        assert found.same is None


def test_after_a_fix_it_is_gone():
    again = replay(recorded(), scenario=fixed, nearby=12)
    assert again.verdict == "gone"
    assert "all recorded events happened again, and the run passed, and so did" in str(again)
    assert "variations of its choices and" in str(again)


@pytest.mark.parametrize("scenario", [hurried, asking_less])
def test_a_run_that_did_not_come_that_far_or_asked_for_less_is_not_gone(scenario):
    assert replay(recorded(), scenario=scenario, nearby=12).verdict == "drifted-passed"


def test_what_was_not_asked_for_again_is_named():
    again = replay(recorded(), scenario=asking_less, nearby=12)
    assert "'scenario scenario choice' number 2 was not asked for again at its time" in str(again)


def test_other_failures_met_on_the_way_are_told_of():
    trace = run(unlucky, choices=CHOSEN, seed=7).trace

    async def otherwise(sim):
        drawn = [sim.choice([0, 1]) for _ in range(4)]
        await asyncio.sleep(1)
        assert drawn != [0, 0, 1, 1], "other luck"

    again = replay(trace, scenario=otherwise, nearby=4)
    assert again.nearby.others >= 1
    assert "that failed in other ways" in str(again)


def test_a_seed_that_fails_alike_keeps_a_failure_from_being_called_gone():
    def drawing_as(name):
        async def unlucky_in_a_task(sim):
            async def draw():
                return [sim.choice([0, 1]) for _ in range(4)]

            drawn = await asyncio.create_task(draw(), name=name)
            assert drawn != [0, 1, 1, 0], "bad luck"

        return unlucky_in_a_task

    chosen = {"scenario one choice": {1: 1, 2: 1}}
    trace = run(drawing_as("one"), choices=chosen, seed=7).trace
    again = replay(trace, scenario=drawing_as("another"))
    assert (again.verdict, again.moved) == ("drifted-alike", ())
    assert f"but seed {again.nearby.seed} fails the same way" in str(again)
    assert not run(drawing_as("another"), seed=again.nearby.seed).passed


def test_what_a_run_asked_for_is_paired_with_what_was_recorded():
    trace = recorded()
    same = run(unlucky, choices=CHOSEN, seed=7)
    assert (moves(trace, same), unmet_in(trace, same)) == ((), ())
    other = run(unlucky, choices={"scenario scenario choice": {3: 1}}, seed=7)
    (move,) = moves(trace, other)
    assert (move.choice.position, move.position) == (1, 3)
    assert [choice.position for choice in unmet_in(trace, other)] == [2]
    assert render_moves((move,) * 5).endswith("; and 2 more")
