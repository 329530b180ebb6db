"""What a plan hands out depends on its numbers and on results, not on who plays them or when."""

import asyncio

import pytest

from simqueue import fuzz
from simqueue.model.choice import by_key
from simqueue.search.assignment import AsGiven, FromSeed, Mutant, source_of
from simqueue.search.plan import Guided, Independent
from simqueue.search.workers import News, Result
from simqueue.sim.run import run


def none_fresh(number):
    return None


def result(assignment, *states):
    """A result that tells of states, if there are any."""
    told = News(frozenset(states), assignment.seed, {f"of {assignment.number}": {0: 1}})
    return Result(assignment.number, news=told if states else None)


def test_independent_runs_have_their_numbers_for_seeds():
    plan = Independent(range(5, 20, 3), lambda _: FromSeed(), ["said"])
    assert [each.number for each in plan.take(2)] == [5, 8]
    assert [each.seed for each in plan.take(9)] == [11, 14, 17]
    assert plan.take(1) == []
    assert plan.remarks() == ["said"]


def test_while_nothing_is_known_a_guided_run_is_drawn_from_its_seed():
    plan = Guided(range(7, 100), none_fresh)
    (first,) = plan.take(1)
    assert (first.number, first.seed, first.script) == (7, 7, FromSeed())
    assert first.explores


def batches(plan, learn):
    """Take all there is and let the plan learn it, until it ends; return what was taken at once."""
    taken = []
    while now := plan.take(1000):
        taken.append(now)
        for assignment in now:
            plan.learn(learn(assignment))
    return taken


def test_batches_grow_and_no_more_than_two_are_handed_out_unheard():
    plan = Guided(range(100), none_fresh)
    ahead = []
    while now := plan.take(1000):
        ahead.append(len(now))
    assert ahead == [2, 2]
    taken = batches(Guided(range(100), none_fresh), result)
    assert [len(each) for each in taken][:9] == [2, 2, 4, 4, 8, 8, 16, 16, 16]
    assert [each.number for batch in taken for each in batch] == list(range(100))


def test_a_run_that_came_to_something_new_is_varied_and_others_are_not():
    def learn(assignment):
        return result(assignment, 1, 2) if assignment.number in (1, 3) else result(assignment)

    taken = batches(Guided(range(40), none_fresh), learn)
    bases = [each.script.base for batch in taken for each in batch[2:] if len(batch) > 2]
    assert bases
    assert all(base == {"of 1": {0: 1}} for base in bases)  # number 3 came to nothing new after it
    assert {each.seed for batch in taken[2:] for each in batch} == {1}


def test_which_run_is_varied_does_not_depend_on_the_order_of_results():
    def states(number):
        return (number % 7, number % 5)

    def planned(order):
        plan, made = Guided(range(120), none_fresh), []
        while now := plan.take(1000):
            made += now
            for assignment in order(now):
                plan.learn(result(assignment, *states(assignment.number)))
        return made

    assert planned(list) == planned(lambda batch: list(reversed(batch)))


def test_a_mutant_has_its_number_for_salt_and_the_seed_of_the_run_it_varies():
    taken = batches(Guided(range(20), none_fresh), lambda each: result(each, each.number))
    mutants = [each for batch in taken for each in batch if isinstance(each.script, Mutant)]
    assert len(mutants) == 16
    assert all(each.script.salt == each.number for each in mutants)
    assert all(each.script.base == {f"of {each.seed}": {0: 1}} or each.seed < 4 for each in mutants)


def test_a_lost_run_is_taken_for_one_that_came_to_nothing():
    plan = Guided(range(10), none_fresh)
    for assignment in plan.take(1000):
        plan.learn(Result(assignment.number, lost="was killed"))
    for assignment in plan.take(1000):
        plan.learn(result(assignment))
    assert [each.script for each in plan.take(1000)] == [FromSeed()] * 4


def test_a_script_that_a_number_has_of_its_own_is_taken():
    plan = Guided(range(4), lambda number: AsGiven({}) if number % 2 else None)
    assert [each.script for each in plan.take(2)] == [FromSeed(), AsGiven({})]


# --- carried out ---


async def shop(sim):
    def app(pq):
        @pq.entrypoint("pack", concurrency_limit=2)
        async def pack(job):
            await asyncio.sleep(sim.random.random())

    sim.worker("a", app)
    b = sim.worker("b", app)
    await sim.queries.enqueue(["pack"] * 5, [None] * 5, [0] * 5)
    await asyncio.sleep(1)
    if sim.chance(0.2):
        b.crash()
    assert sim.choice(range(9)) != 4, "four"
    await sim.settled()


@pytest.mark.parametrize("strategy", ["guided", "auto"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_is_found_does_not_depend_on_the_number_of_processes(strategy):
    alone = fuzz(shop, runs=70, seed=3, strategy=strategy)
    crew = fuzz(shop, runs=70, seed=3, strategy=strategy, processes=3)
    assert alone.failures
    assert alone.failures == crew.failures
    assert (alone.runs, alone.passed) == (crew.runs, crew.passed)


def test_a_mutants_failure_is_replayed_from_its_trace():
    campaign = fuzz(shop, runs=60, strategy="guided")
    mutants = [found for found in campaign.failures if found.strategy == "guided"]
    for found in mutants or campaign.failures:
        trace = found.trace
        again = run(shop, seed=trace.seed, choices=by_key(trace.choices))
        assert again.failure is not None
        assert again.failure.signature == found.signature


def test_an_assignment_of_each_kind_makes_the_same_run_again():
    plan = Guided(range(9), none_fresh)
    plan.learn(result(plan.take(1)[0], 1))
    for assignment in plan.take(4):
        one, other = (
            run(shop, seed=assignment.seed, choices=source_of(assignment)) for _ in range(2)
        )
        assert one.digest == other.digest
