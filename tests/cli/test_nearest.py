from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.model.trace import Trace
from simqueue.search.target import load_target
from simqueue.sim.run import run

SCENARIO = """
async def scenario(sim):
    thrown = []
    for number in range(6):
        thrown.append(sim.chance(0.5))
        sim.log.info("thrown", number=number)
    assert not (thrown[1] and thrown[4]), "both"

async def calm(sim):
    sim.chance(0.5)

async def doomed(sim):
    sim.chance(0.5)
    raise ValueError("always")
"""
_KEY = "scenario scenario chance"


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    project("six.py", SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def recorded(call):
    """Record a run with these throws; returns the file's name."""

    def record(*yes, function="scenario"):
        target = load_target(f"six.py:{function}")
        picked = {_KEY: dict.fromkeys(yes, 1)} if yes else {}
        run(target.scenario, choices=picked, target=target.name).trace.save("t.json")
        return "t.json"

    return record


def refused(result):
    """Assert that bad input got one line on stderr, perhaps after the target; return it."""
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Target: ")]
    assert line.startswith("simqueue: ")
    return line


def test_the_choice_that_decides_is_told_and_both_runs_beside_each_other(call, recorded):
    result = call("diff", recorded(0, 1, 4))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(
        "One choice decides; the run that passes makes all others the same way"
    )
    assert lines[1].startswith("  fails:   +0.000000s the scenario gets yes from sim.chance")
    assert lines[2] == "  passes:  the calm choice"
    assert "They part at event #8; before it both do the same:" in lines
    heads = next(line for line in lines if line.startswith("t.json, which fails"))
    assert heads.endswith("| the run that passes")
    assert max(map(len, lines[9:])) <= 100
    assert lines[-1].endswith("| passes (its end is at +0.000000s)")


def test_the_passing_run_is_saved(call, recorded):
    result = call("diff", recorded(1, 4), "-o", "new/passing.json")
    assert result.stdout.endswith("The passing run is saved as new/passing.json.\n")
    passing = Trace.load("new/passing.json")
    assert passing.outcome.passed
    assert [each.position for each in passing.choices] == [1]
    assert "reproduced" in call("replay", "new/passing.json", "--exact").stdout
    assert call("diff", "t.json", "new/passing.json").exit_code == 1


def test_two_traces_are_told_beside_each_other_too(call, recorded):
    call("diff", recorded(1, 4), "-o", "passing.json")
    result = call("diff", "t.json", "passing.json")
    assert "They differ from event 8 (by scenario):" in result.stdout
    assert any(
        line.split() == ["t.json", "|", "passing.json"] for line in result.stdout.splitlines()
    )
    same = call("diff", "t.json", "t.json")
    assert same.exit_code == 0
    assert "|" not in same.stdout


def test_that_there_is_no_passing_run_is_said_with_what_was_tried(call, recorded):
    result = call("diff", recorded(0, function="doomed"), "-o", "passing.json")
    assert result.exit_code == 4
    assert result.stdout.splitlines()[:4] == [
        "No passing run was found near this one. All runs that were tried fail:",
        "  1 with one deviation set back to calm",
        "  0 with one choice set to another value",
        "  20 with fresh choices from some event on",
    ]
    assert not Path("passing.json").exists()


def test_that_the_search_was_ended_is_said(call, recorded):
    result = call("diff", recorded(0, function="doomed"), "--runs", "2")
    assert "The search ended early." in result.stdout


def test_what_there_is_no_nearest_run_of_is_refused(call, recorded):
    assert "passed, so there is no failure to compare with" in refused(
        call("diff", recorded(function="calm"))
    )
    assert "-o saves the passing run" in refused(call("diff", "t.json", "t.json", "-o", "x.json"))
    recorded(1, 4)
    assert "--time soon" in refused(call("diff", "t.json", "--time", "soon"))
    Path("six.py").write_text("async def scenario(sim):\n    sim.chance(0.5)\n")
    assert "does not fail like that any more" in refused(call("diff", "t.json"))


def test_ctrl_c_tells_the_nearest_so_far(call, recorded, monkeypatch):
    from simqueue.search.explain import points

    played, left = points.run, iter(range(3))

    def interrupted(*arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return played(*arguments, **options)

    name = recorded(0, 1, 4)
    monkeypatch.setattr(points, "run", interrupted)
    result = call("diff", name)
    assert result.exit_code == 130
    assert result.stderr == "Target: six.py:scenario\ninterrupted\n"
    assert "One choice decides" in result.stdout
    assert "(3 runs were played)" in result.stdout


def test_the_failing_trace_itself_is_not_written_over(call, recorded):
    name = recorded(0, 1, 4)
    before = Path(name).read_bytes()
    assert "is the trace itself" in refused(call("diff", name, "-o", f"./{name}"))
    assert Path(name).read_bytes() == before
