import asyncio
import re

import pytest

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.export import render_export
from simqueue.report.managers import Managers
from simqueue.report.selection import Selection, render_selection
from simqueue.report.story.story import render_story
from simqueue.sim.run import run

MANAGER = "58234a4e-947f-4a0b-8c53-0d3f5f3c0f6a"


def test_a_takeover_is_from_a_worker_once_its_manager_is_known():
    managers = Managers()
    said = f"takes over stale job 1 from manager {MANAGER}"
    assert managers.plain(said) == said
    managers.read(Entry(0, "ada", e.WorkerReady(MANAGER)))
    assert managers.plain(said) == "takes over stale job 1 from ada"


def test_what_a_worker_says_of_its_own_manager_stays():
    managers = Managers([Entry(0, "ada", e.WorkerReady(MANAGER))])
    assert managers.plain(f"is ready as manager {MANAGER}") == f"is ready as manager {MANAGER}"


async def _taken_over(sim):
    def app(pq):
        @pq.entrypoint("slow")
        async def slow(job):
            await asyncio.sleep(20)

    a = sim.worker("a", app)
    await sim.queries.enqueue("slow", None)
    await asyncio.sleep(5)
    a.crash()
    sim.worker("b", app)
    await asyncio.sleep(60)
    raise ValueError("look at the end")


def test_neither_a_storys_end_nor_a_selection_names_a_manager_taken_over_from():
    trace = run(_taken_over).trace
    for text in (render_story(trace), render_selection(trace, Selection(), routine=True)):
        assert "takes over stale job 1 from a" in text
        assert not re.search(r"from manager [0-9a-f]{8}", text)


@pytest.mark.parametrize("named", ["jsonl", "otlp", "perfetto"])
def test_no_export_names_a_manager_taken_over_from(named):
    told = render_export(run(_taken_over).trace, named).decode()
    assert "takes over stale job 1 from a" in told
    assert not re.search(r"from manager [0-9a-f]{8}", told)
