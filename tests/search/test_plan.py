"""What a plan hands out depends on its numbers, and what is found not on who plays the runs."""

import pytest

from simqueue import fuzz
from simqueue.search.planning.assignment import AsGiven, ByPriority, FromSeed, source_of
from simqueue.search.planning.plan import Independent
from simqueue.sim.run import run


def test_numbers_are_seeds_and_are_handed_out_once():
    plan = Independent(range(5, 20, 3), lambda _: FromSeed(), ["said"])
    assert [each.number for each in plan.take(2)] == [5, 8]
    assert [each.seed for each in plan.take(9)] == [11, 14, 17]
    assert plan.take(1) == []
    assert plan.remarks() == ["said"]


def test_a_number_may_have_a_script_of_its_own():
    plan = Independent(range(4), lambda number: AsGiven({}) if number % 2 else FromSeed())
    assert [each.script for each in plan.take(4)] == [FromSeed(), AsGiven({})] * 2


# --- carried out ---


async def shop(sim):
    def app(pq):
        @pq.entrypoint("pack", concurrency_limit=2)
        async def pack(job):
            pass

    sim.worker("a", app)
    await sim.queries.enqueue(["pack"] * 3, [None] * 3, [0] * 3)
    assert sim.choice(range(9)) != 4, "four"
    await sim.settled()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_is_found_does_not_depend_on_the_number_of_processes():
    alone = fuzz(shop, runs=40, seed=3, strategy="auto")
    crew = fuzz(shop, runs=40, seed=3, strategy="auto", processes=3)
    assert alone.failures
    assert alone.failures == crew.failures
    assert (alone.runs, alone.passed) == (crew.runs, crew.passed)


@pytest.mark.parametrize(
    "script", [FromSeed(), AsGiven({"a lag": {0: 7}}), ByPriority(2, 50)], ids=str
)
def test_an_assignment_makes_the_same_run_again(script):
    (assignment,) = Independent([6], lambda _: script).take(1)
    one, other = (run(shop, seed=assignment.seed, choices=source_of(assignment)) for _ in range(2))
    assert one.digest == other.digest
