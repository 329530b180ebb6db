import asyncio
import gc
import time
import weakref
from datetime import timedelta

import pytest

from simqueue.model.config import Config
from simqueue.sim.run import run


def frames_of(scenario, **options):
    """Return the frames in which a scenario fails, from the outermost to the innermost."""
    kept = []
    failed = run(scenario, on_failure=kept.append, **options)
    assert not failed.passed
    (link,) = kept
    frames = []
    while link is not None:
        frames.append((link.tb_frame, link.tb_lineno))
        link = link.tb_next
    return frames


def innermost(scenario, **options):
    frame, line = frames_of(scenario, **options)[-1]
    return frame.f_code.co_name, line - frame.f_code.co_firstlineno, frame.f_locals


def test_the_frame_that_raised_can_be_looked_at_when_the_run_is_over():
    async def scenario(sim):
        amount = 7
        await asyncio.sleep(1)
        raise ValueError(amount)

    name, line, found = innermost(scenario)
    assert (name, line, found["amount"]) == ("scenario", 3, 7)
    assert found["sim"].elapsed() == timedelta(seconds=1)


def test_it_is_the_user_s_frame_and_not_what_was_called_from_there():
    async def scenario(sim):
        number = "four"
        int(timedelta.__str__(timedelta(0)) and number.split and __import__("json").loads(number))

    assert innermost(scenario)[:2] == ("scenario", 2)


def test_of_a_group_with_one_member_it_is_that_one_s():
    async def scenario(sim):
        async def fails():
            inner = "here"
            raise KeyError(inner)

        async with asyncio.TaskGroup() as group:
            group.create_task(fails())

    assert innermost(scenario)[2] == {"inner": "here"}


@pytest.mark.parametrize(
    "config", [Config(), Config(limit=timedelta(seconds=5))], ids=["deadlock", "timeout"]
)
def test_where_nothing_was_raised_it_is_where_the_scenario_waits(config):
    async def scenario(sim):
        waited = "for nobody"
        if config.limit < timedelta(minutes=1):
            await asyncio.sleep(100)
        try:
            await asyncio.Event().wait()
        finally:
            del waited

    name, line, found = innermost(scenario, config=config)
    assert (name, line) == ("scenario", 3 if config.limit < timedelta(minutes=1) else 5)
    assert found["config"] is config


def test_where_the_scenario_has_ended_there_is_none():
    async def scenario(sim):
        sim.eventually("never", lambda: False, timedelta(seconds=1))

    assert frames_of(scenario) == []


def test_a_run_that_passes_or_whose_frames_nobody_keeps_holds_on_to_nothing():
    class Held:
        pass

    seen = []

    async def scenario(sim):
        held = Held()
        seen.append(weakref.ref(held))
        await asyncio.sleep(1)
        assert fine

    fine = True
    assert run(scenario, on_failure=seen.append).passed
    fine = False
    assert not run(scenario).passed
    gc.collect()
    assert [each() for each in seen] == [None, None]


def test_what_the_frames_that_failed_hold_ends_within_the_run():
    class Cycle:
        def __init__(self):
            self.itself = self

        def __del__(self):
            ended.append(time.time())

    async def scenario(sim):
        held = Cycle()
        await asyncio.sleep(1)
        raise ValueError(held)

    ended = []
    assert not run(scenario).passed
    assert ended == [Config().start.timestamp() + 1]
