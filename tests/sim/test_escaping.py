import asyncio
import logging

import msgspec
import pytest

from simqueue.model.events import HandlerStarted, JobLogged, WorkerReady
from simqueue.model.trace import Trace
from simqueue.report.story.story import render_story
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.replay.replayer import replay
from simqueue.sim.kernel.escaping import writable
from simqueue.sim.run import run

BAD = "caf\udce9"
ESCAPED = "caf\\udce9"


async def of_a_logger(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            logging.getLogger(f"pgqueuer.{BAD}").warning("from %s", BAD)

    sim.worker("a", app)
    await sim.queries.enqueue("mail", b"x", 0)
    await sim.settled()


async def of_an_entrypoint(sim):
    def app(pq):
        @pq.entrypoint(BAD)
        async def never(job):
            raise AssertionError

    sim.worker("a", app)
    await asyncio.sleep(1)


async def of_a_schedule(sim):
    def app(pq):
        @pq.schedule(BAD, "* * * * *")
        async def never(schedule):
            raise AssertionError

    sim.worker("a", app)
    await asyncio.sleep(1)


SCENARIOS = [of_a_logger, of_an_entrypoint, of_a_schedule]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_with_a_name_that_utf_8_cannot_say_is_saved_and_replayed(scenario, tmp_path):
    trace = run(scenario, seed=1).trace
    trace.save(tmp_path / "t.json")
    loaded = Trace.load(tmp_path / "t.json")
    assert loaded == trace
    assert replay(loaded, scenario=scenario).reproduced
    assert ESCAPED in "".join(map(str, loaded.events)).replace("\\\\", "\\")
    assert render_story(loaded).encode()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_campaign_with_such_a_name_comes_to_its_end(scenario, tmp_path):
    campaign = fuzz(scenario, runs=3, target="x", state=tmp_path)
    assert campaign.runs == 3
    assert fuzz(scenario, runs=3, target="x", state=tmp_path, resume=True).resumed == 3


def test_events_that_utf_8_can_say_are_left_alone():
    event = HandlerStarted("café\\udce9", job_id=1)
    assert writable(event) is event
    escaped = writable(WorkerReady("m", entrypoints=((BAD, 2),)))
    assert escaped == WorkerReady("m", entrypoints=((ESCAPED, 2),))
    logged = JobLogged(1, "exception", BAD, 0, None)
    assert writable(logged) == msgspec.structs.replace(logged, entrypoint=ESCAPED)
