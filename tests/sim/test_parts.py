import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simqueue.model.choice_key import parse_word
from simqueue.model.config import Config, Faults
from simqueue.model.delays import RUNGS, ladder
from simqueue.model.events import FaultStruck, StatementReplied, WorkerPaused
from simqueue.sim.faults.encoding import parts_of, value_of
from simqueue.sim.run import run

KINDS = (
    "order", "random", "mishap:slow/log_jobs", "mishap:fail/log_jobs", "mishap:skew/second",
    "disaster:crash/dequeue", "disaster:pause/second",
)  # fmt: skip


@given(st.sampled_from(KINDS), st.integers(1, RUNGS * RUNGS - 1))
def test_parts_make_up_the_value_again(kind, value):
    assert value_of(parse_word(kind), parts_of(parse_word(kind), value)) == value


@pytest.mark.parametrize("kind", KINDS)
def test_the_simplest_value_is_made_of_zeros(kind):
    assert value_of(parse_word(kind), (0,) * len(parts_of(parse_word(kind), 1))) == 1


async def idle(sim):
    sim.worker("a", lambda pq: None)
    await asyncio.sleep(60)


def events_with(fault, key, value):
    """Return the events of a run in which the first pick of a key is that value."""
    config = Config(faults=Faults((fault,)))
    return run(idle, config=config, choices={key: {0: value}}).events


def test_of_a_second_the_parts_are_when_within_it_and_how_hard():
    kind = "disaster:pause/second"
    value = value_of(parse_word(kind), (30, 20))
    events = events_with("pause", f"a second {kind}", value)
    (paused,) = [each for each in events if isinstance(each.event, WorkerPaused)]
    assert paused.at == 1_000_000 + ladder(1_000_000)[30]
    assert paused.event.duration == ladder(90_000_000)[1 + 20]


def first_strike(fault, kind, parts):
    """Return the events up to a fault's strike at a worker's first question of one kind."""
    value = value_of(parse_word(kind), parts)
    events = [
        each.event for each in events_with(fault, f"a QueueManager.run has_table {kind}", value)
    ]
    return events[: 1 + next(i for i, each in enumerate(events) if isinstance(each, FaultStruck))]


@pytest.mark.parametrize(("part", "where"), [(0, "begin"), (1, "commit")])
def test_of_slowness_the_parts_are_where_and_how_long(part, where):
    struck = first_strike("slow", "mishap:slow/has_table", (part, 39))[-1]
    assert struck.detail == f"{ladder(60_000_000)[1 + 39] / 1_000_000:g} s to {where}"


def test_of_a_crash_about_a_statement_the_first_part_is_the_moment():
    kind, answered = "disaster:crash/has_table", []
    for moment in (0, 2):
        before = first_strike("crash", kind, (moment, 0, 0))
        answered.append(sum(isinstance(each, StatementReplied) for each in before))
    assert answered[1] == answered[0] + 1
