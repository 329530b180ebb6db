"""Runs that leave something to the next one, on the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.search.saved import keep
from simqueue.search.target import load_target
from simqueue.sim.run import run

LEAK = """
import asyncio

SEEN = set()


async def scenario(sim):
    sent = []

    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            if job.id not in SEEN:
                await asyncio.sleep(0.1)
                SEEN.add(job.id)
                sent.append(job.id)

    sim.worker("a", app)
    await sim.queries.enqueue(["mail"] * 3, [None] * 3, [0] * 3)
    await sim.settled()
    assert sorted(sent) == [1, 2, 3], sent
"""


@pytest.fixture
def call(project):
    """Call the command line in this process, where it imports the scenario anew."""
    project("leak.py", LEAK)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


def leaked_trace():
    """Save the second run that a process plays, which fails by the first one's doing."""
    target = load_target("leak.py")
    run(target.scenario)
    trace = run(target.scenario, seed=1, target=target.name).trace
    assert trace.outcome.failure is not None
    return str(keep(trace, ".simqueue/failures"))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_campaign_whose_runs_spoil_each_other_is_inconclusive(call, processes):
    result = call("fuzz", "leak.py", "--runs", "6", "--processes", processes)
    assert result.exit_code == 4
    assert "6 runs, 0 failed in 0 ways" in result.stdout
    assert "passes alone: something outlives the runs: leak.SEEN (run " in result.stdout
    assert not list(Path(".simqueue/failures").glob("*.json"))


@pytest.mark.thorough
def test_a_saved_trace_that_another_run_explains_cannot_be_judged(call):
    trace = leaked_trace()
    for nearby in ("0", "20"):
        result = call("replay", trace, "--nearby", nearby)
        assert result.exit_code == 125
        assert "not-reproduced: it passes alone" in result.stdout
        assert "something outlives the runs: leak.SEEN" in result.stdout
    for command in (["shrink"], ["show", "--inevitable"], ["diff"]):
        result = call(*command, trace)
        assert result.exit_code == 2
        assert "something outlives the runs: leak.SEEN" in result.stderr
    result = call("fuzz", "leak.py", "--runs", "2", "--processes", "1")
    assert result.exit_code == 4
    assert ".json passes alone: remove it if you agree" in result.stdout
