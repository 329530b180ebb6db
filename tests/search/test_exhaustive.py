"""Small scenarios whose schedules can be counted by hand, or by trying all there are."""

from datetime import timedelta
from itertools import product

import pytest

from simqueue import Config, fuzz, run
from simqueue.choices import Recording
from simqueue.choices.survey import Survey
from simqueue.model.choice import by_key
from simqueue.search.planning.assignment import AsGiven
from simqueue.search.planning.exhaustive import Exhaustive, spread
from simqueue.search.planning.result import Result
from simqueue.search.planning.share import Share

STILL = Config(hop_max=timedelta(0), commit_max=timedelta(0), lag_max=timedelta(0), invariants=())


async def three_draws(sim):
    """What the third draw is one of depends on the first."""
    first = sim.choice(range(3))
    sim.choice(range(2))
    if first != 1:
        sim.choice(range(2 + first))


async def never(sim):
    pass


async def needs_two(sim):
    drawn = [sim.choice(range(3)) for _ in range(4)]
    assert not (drawn[0] == 2 and drawn[3] == 1), "both"


def schedules(scenario):
    """Return every schedule there is, by trying all picks of up to four draws."""
    found = set()
    for picks in product(range(4), repeat=4):
        recorded = {"scenario scenario choice": dict(enumerate(picks))}
        made = run(scenario, config=STILL, choices=Recording(recorded)).choices
        found.add(tuple((choice.key, choice.position, choice.value) for choice in made))
    return found


def planned(most, scenario, shard=(1, 1), runs=10_000):
    """Return the sets that are planned, as the choices that their runs then make."""

    def play(survey):
        return run(scenario, config=STILL, choices=survey)

    plan = Exhaustive(most, Share.of(0, runs, shard), play)
    assignments = plan.take(runs)
    for assignment in assignments:
        plan.learn(Result(assignment.number))
    made = []
    for assignment in assignments:
        assert isinstance(assignment.script, AsGiven)
        played = run(scenario, config=STILL, choices=assignment.script.choices)
        assert by_key(played.choices) == assignment.script.choices  # none that it does not reach
        made.append(tuple((each.key, each.position, each.value) for each in played.choices))
    return made, plan.remarks(), assignments


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("scenario", [three_draws, needs_two])
def test_every_schedule_within_the_bound_is_planned_once(scenario, most):
    made, (said,), _ = planned(most, scenario)
    wanted = {schedule for schedule in schedules(scenario) if len(schedule) <= most}
    assert len(made) == len(set(made))
    assert set(made) == wanted
    assert said.startswith(f"covered: all {len(wanted)} schedules with at most {most} deviation")


def test_fewer_deviations_come_before_more():
    made, _, _ = planned(3, needs_two)
    assert [len(schedule) for schedule in made] == sorted(len(schedule) for schedule in made)


def test_a_bug_that_needs_two_deviations_is_found_with_two_and_not_with_one():
    one = fuzz(needs_two, runs=1000, config=STILL, strategy="exhaustive:1")
    assert one.failures == ()
    assert one.runs == 1 + 4 * 2
    assert one.said == ("covered: all 9 schedules with at most 1 deviation from calm",)
    two = fuzz(needs_two, runs=1000, config=STILL, strategy="exhaustive:2")
    assert [found.count for found in two.failures] == [1]
    assert two.runs == 9 + 6 * 4
    assert two.said == ("covered: all 33 schedules with at most 2 deviations from calm",)
    (found,) = two.failures
    assert found.trace.outcome.failure.signature == found.signature
    assert len(found.trace.choices) == 2


def test_a_campaign_that_ends_before_says_that_more_is_left():
    campaign = fuzz(needs_two, runs=20, config=STILL, strategy="exhaustive:2")
    assert campaign.runs == 20
    assert campaign.said == (
        (
            "not covered: 20 schedules with at most 2 deviations from calm were run, and there "
            "are more"
        ),
    )


def test_as_many_runs_as_there_are_schedules_are_enough():
    campaign = fuzz(needs_two, runs=33, config=STILL, strategy="exhaustive:2")
    assert campaign.said[0].startswith("covered: all 33 ")


@pytest.mark.parametrize("of", [2, 3, 7])
def test_parts_are_disjoint_and_together_everything(of):
    whole, _, _ = planned(2, needs_two)
    parts = [planned(2, needs_two, (this, of)) for this in range(1, of + 1)]
    made = [schedule for part, _, _ in parts for schedule in part]
    assert sorted(made) == sorted(whole)
    numbers = [each.number for _, _, assignments in parts for each in assignments]
    assert sorted(numbers) == list(range(len(whole)))
    assert parts[0][1][0].endswith(f"from calm, part 1 of {of}")


def test_a_run_that_is_lost_leaves_the_bound_uncovered():
    plan = Exhaustive(1, Share(0, 1000), lambda survey: run(never, config=STILL, choices=survey))
    (only,) = plan.take(5)
    plan.learn(Result(only.number, lost="was killed"))
    assert plan.remarks()[0].startswith("not covered: 0 ")


def test_a_run_that_was_planned_and_not_played_leaves_the_bound_uncovered():
    plan = Exhaustive(1, Share(0, 1000), lambda survey: run(never, config=STILL, choices=survey))
    plan.take(5)
    assert plan.remarks()[0].startswith("not covered: 0 ")


def test_drawn_data_is_not_tried_and_named():
    async def draws(sim):
        sim.random.random()
        sim.choice(range(2))

    campaign = fuzz(draws, runs=100, config=STILL, strategy="exhaustive:2")
    assert campaign.runs == 2
    assert campaign.said == (
        (
            "covered: all 2 schedules with at most 2 deviations from calm; values of scenario "
            "scenario random stayed 0"
        ),
    )


def test_several_processes_find_the_same():
    alone = fuzz(needs_two, runs=1000, config=STILL, strategy="exhaustive:2")
    crew = fuzz(needs_two, runs=1000, config=STILL, strategy="exhaustive:2", processes=3)
    assert (crew.runs, crew.passed, crew.said) == (alone.runs, alone.passed, alone.said)
    assert crew.failures == alone.failures


async def two_workers(sim):
    def app(pq):
        @pq.entrypoint("note")
        async def note(job):
            pass

    sim.worker("a", app)
    await sim.queries.enqueue("note", None)
    await sim.settled()


def test_delays_that_are_all_alike_are_no_deviations():
    survey = Survey(Recording({}))
    run(two_workers, config=STILL, choices=survey)
    assert {key.rpartition(" ")[2] for key, _, n in survey.options} <= {"order"}


def test_orders_of_a_worker_are_deviations_of_their_own():
    campaign = fuzz(two_workers, runs=5000, config=STILL, strategy="exhaustive:1")
    survey = Survey(Recording({}))
    run(two_workers, config=STILL, choices=survey)
    assert campaign.runs == 1 + sum(n - 1 for _, _, n in survey.options) > 1
    assert campaign.said[0].startswith("covered: ")


def test_any_beginning_of_the_values_is_spread():
    assert list(spread(9)) == [8, 4, 2, 6, 1, 3, 5, 7]
    for n in range(1, 200):
        assert sorted(spread(n)) == list(range(1, n))
