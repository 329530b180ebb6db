from datetime import timedelta

import pytest

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults

NAME = "schedule-on-time"
SWEEP = (("sweep", "* * * * *"),)


def looks(told, *names):
    for name in names:
        told.event(name, e.StatementSent(len(told.entries), name, "fetch_schedule"))
    return told


@pytest.fixture
def waiting(history):
    """Begin with a schedule that is due at a full minute, and a scheduler that has looked."""

    def begin(due=60, expression="* * * * *", **settings):
        told = history(NAME, **settings)
        told.worker("a", schedules=(("sweep", expression),)).event("a", e.Listening("a", "ch"))
        told.at(1).registers("a", 7, due, expression=expression)
        return looks(told.at(2), "a")

    return begin


def late(by):
    text = (
        f"schedule 'sweep' (* * * * *) was not claimed for its tick at +60.000000s within {by} "
        "although a could do so"
    )
    return NAME, Broken(text, schedules=(7,))


def test_a_tick_that_nobody_claims_is_late(waiting):
    told = waiting()
    assert told.panel.due(59_000_000) is None
    assert told.panel.due(60_000_000) == 70_003_200
    assert told.overdue(69) is None
    assert told.overdue(90) == late("30 s")


def test_one_that_is_claimed_a_period_later_is_late(waiting):
    told = looks(waiting().at(121), "a").claims("a", 7, 180)
    assert told.broken == [late("61 s")]


def test_one_that_is_claimed_a_second_later_is_not(waiting):
    assert looks(waiting().at(61), "a").claims("a", 7, 120).broken == []


def test_what_counts_is_when_the_claim_began(waiting):
    assert looks(waiting().at(66), "a").at(71).claims("a", 7, 120, began=69).broken == []


def test_a_scheduler_that_looks_and_leaves_the_schedule_is_late(waiting):
    told = looks(waiting().at(59), "a")
    assert told.overdue(1_000) is None  # that look may have straddled the tick
    looks(told.at(121), "a")
    assert told.overdue(131) is None
    assert told.overdue(132) is not None


def test_one_that_looks_again_and_again_is_late_as_well(waiting):
    told = waiting()
    for minute in range(1, 60):
        looks(told.at(60 * minute + 1), "a")
    assert told.overdue(3_600) is not None


def test_a_look_that_straddles_the_tick_misses_it(waiting):
    told = looks(waiting().at(59.5), "a")
    assert looks(told.at(121), "a").claims("a", 7, 180).broken == []


def test_a_schedule_that_still_runs_at_its_tick_is_not_late(waiting):
    told = looks(waiting().at(61), "a").claims("a", 7, 120).ticks("a", 7)
    told.at(125).ticked("a", 7).releases("a", 7)
    assert looks(told.at(181), "a").claims("a", 7, 240).broken == []


def test_the_same_tick_once_more_is_for_schedule_once_to_judge(waiting):
    told = looks(waiting().at(61), "a").claims("a", 7, 60).releases("a", 7)
    assert looks(told.at(121), "a").claims("a", 7, 180).broken == []


def test_ticks_that_nobody_was_there_for_are_not_late(waiting):
    told = waiting().crashes("a").at(600).worker("a", schedules=SWEEP)
    told.event("a", e.Listening("a", "ch"))
    assert looks(told.at(601), "a").claims("a", 7, 660).broken == []


@pytest.mark.parametrize(
    "hindrance",
    [
        lambda told: told.pauses("a", 58),
        lambda told: told.blocks("a", 58),
        lambda told: told.event("a", e.ClockSet(-3_600_000_000)),
        lambda told: told.event("a", e.ClockSet(1), e.ClockSet(0)),
        lambda told: told.event("a", e.WorkerStopping()),
        lambda told: told.loses("a"),
        lambda told: told.ticks("a", 8),
    ],
)
def test_a_scheduler_that_was_hindered_before_the_tick_may_miss_it(waiting, hindrance):
    told = hindrance(waiting().at(3))
    assert told.overdue(119) is None


def test_a_worker_that_did_not_register_the_schedule_is_not_asked(history):
    told = history(NAME).worker("a", schedules=(("other", "* * * * *"),))
    told.event("a", e.Listening("a", "ch")).at(1).registers("a", 7, 60)
    assert looks(told.at(2), "a").overdue(1_000) is None


def test_a_tick_that_is_off_the_minute_is_not_looked_for(waiting):
    assert waiting(due=62).overdue(110) is None


def test_expressions_with_seconds_are_not_judged_by_the_clock(waiting):
    assert waiting(expression="* * * * * */30").overdue(1_000) is None


@pytest.mark.parametrize("due", [60, 62])
@pytest.mark.parametrize("expression", ["* * * * *", "* * * * * */30"])
def test_two_looks_after_the_tick_end_every_excuse(waiting, due, expression):
    told = looks(looks(waiting(due, expression).at(59.9), "a").at(121), "a")
    assert told.overdue(125) is None
    looks(told.at(126), "a")
    assert told.overdue(140) is not None


def test_a_wrong_clock_excuses_no_scheduler_that_looked_twice(waiting):
    told = waiting().event("a", e.ClockSet(-3_600_000_000))
    looks(told.at(61), "a")
    assert told.overdue(80) is None
    assert looks(told.at(81), "a").overdue(95) is not None


def test_a_tick_that_a_wrong_clock_has_set_is_not_looked_for(history):
    told = history(NAME).worker("a", schedules=SWEEP).event("a", e.Listening("a", "ch"))
    told.worker("b").event("b", e.ClockSet(120_000_000)).at(1).registers("b", 7, 60)
    assert looks(told.at(2), "a").overdue(1_000) is None


def test_a_tick_that_somebody_else_has_set_is_not_looked_for(history):
    told = history(NAME).worker("a", schedules=SWEEP).event("a", e.Listening("a", "ch"))
    told.at(1).registers("scenario", 7, 60)
    assert looks(told.at(2), "a").overdue(1_000) is None


def test_nothing_is_owed_while_faults_fly_nor_for_ticks_set_then(waiting):
    told = waiting(faults=Faults(("slow",)))
    assert told.overdue(100) is None
    told.at(100).event("server", e.Healed())
    assert told.overdue(1_000) is None


def test_a_network_without_delays_leaves_the_second_after_which_a_scheduler_looks(waiting):
    none = dict.fromkeys(("hop_max", "commit_max", "lag_max"), timedelta(0))
    assert looks(waiting(**none).at(61), "a").claims("a", 7, 120).broken == []
    assert waiting(**none).overdue(69) is None
    assert waiting(**none).overdue(90) == late("30 s")
