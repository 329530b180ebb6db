import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simqueue.choices import RUNGS, ladder
from simqueue.model.config import Config, Faults
from simqueue.model.events import FaultStruck, WorkerPaused
from simqueue.sim.parts import parts_of, value_of
from simqueue.sim.run import run

KINDS = (
    "order", "random", "mishap:slow/log_jobs", "mishap:fail/log_jobs", "mishap:skew/second",
    "disaster:crash/dequeue", "disaster:pause/second",
)  # fmt: skip


@given(st.sampled_from(KINDS), st.integers(1, RUNGS * RUNGS - 1))
def test_parts_make_up_the_value_again(kind, value):
    assert value_of(kind, parts_of(kind, value)) == value


@pytest.mark.parametrize("kind", KINDS)
def test_the_simplest_value_is_made_of_zeros(kind):
    assert value_of(kind, (0,) * len(parts_of(kind, 1))) == 1


async def idle(sim):
    sim.worker("a", lambda pq: None)
    await asyncio.sleep(60)


def events_with(fault, key, value):
    """Return the events of a run in which the first pick of a key is that value."""
    config = Config(faults=Faults((fault,)))
    return run(idle, config=config, choices={key: {0: value}}).events


def test_of_a_second_the_parts_are_when_within_it_and_how_hard():
    kind = "disaster:pause/second"
    value = value_of(kind, (30, 20))
    events = events_with("pause", f"a second {kind}", value)
    (paused,) = [each for each in events if isinstance(each.event, WorkerPaused)]
    assert paused.at == 1_000_000 + ladder(1_000_000)[30]
    assert paused.event.duration == ladder(90_000_000)[1 + 20]


@pytest.mark.parametrize(("late", "where"), [(0, "begin"), (1, "commit")])
def test_of_slowness_the_parts_are_where_and_how_long(late, where):
    kind = "mishap:slow/dequeue"
    value = value_of(kind, (late, 39))
    events = events_with("slow", f"a QueueManager.run {kind}", value)
    struck = [each.event.detail for each in events if isinstance(each.event, FaultStruck)]
    seconds = ladder(timedelta(minutes=1) // timedelta(microseconds=1))[1 + 39] / 1_000_000
    assert struck in ([], [f"{seconds:g} s to {where}"])
