from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.report.findings.inevitable import render_inevitable
from simqueue.search.explain.inevitable import inevitable
from simqueue.search.target import load_target
from simqueue.sim.run import run

SCENARIO = """
async def scenario(sim):
    yes = 0
    for number in range(7):
        yes += sim.chance(0.5)
        sim.log.info("thrown", number=number)
    assert yes < 3, "three"

async def doomed(sim):
    sim.chance(0.5)
    sim.log.info("then")
    raise ValueError("always")

async def stone(sim):
    raise ValueError("always")

async def last_word(sim):
    sim.log.info("begins")
    assert not sim.chance(0.5)
"""
_KEY = "scenario scenario chance"


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    project("throws.py", SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def recorded(call):
    """Record a run with these throws; returns the file's name."""

    def record(*yes, function="scenario"):
        target = load_target(f"throws.py:{function}")
        picked = {_KEY: dict.fromkeys(yes, 1)} if yes else {}
        run(target.scenario, choices=picked, target=target.name).trace.save("t.json")
        return "t.json"

    return record


def told(call, *arguments):
    result = call("show", *arguments, "--inevitable")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_event_is_named_with_how_many_continuations_say_so(call, recorded):
    text = told(call, recorded(0, 2, 4), "--continuations", "30")
    assert "continued from an event with fresh choices, 30 times, once calmly" in text
    assert (
        "After event #8 all 30 of 30 continuations fail the same way:\n  #8 +0.000000s the scenario"
        in text
    )
    assert "Before it, after event #7, " in text
    assert "Chosen between the two:\n  +0.000000s the scenario gets yes from sim.chance" in text
    assert "How likely it was:\n  at the start" in text
    assert text.rstrip().endswith("30 of 30 fail the same way")


def test_it_is_told_alike_each_time(call, recorded):
    name = recorded(0, 2, 4)
    assert told(call, name) == told(call, name)


def test_what_fails_from_the_start_is_no_matter_of_timing(call, recorded):
    text = told(call, recorded(0, function="doomed"))
    assert "From the start: all 20 of 20 continuations fail the same way." in text
    assert "Timing does not decide it" in text
    assert "How likely" not in text


def test_where_nothing_is_picked_it_is_said(call, recorded):
    text = told(call, recorded(function="stone"))
    assert "Nothing is left to choose in this run" in text


def test_what_is_open_to_the_end_is_said(call, recorded):
    text = told(call, recorded(0, function="last_word"))
    assert (
        "It could be avoided until the end. Event #1 follows from the last choice that was left"
        in text
    )
    assert "Chosen between the two:" in text


def test_a_search_that_was_ended_says_so(call, recorded):
    text = told(call, recorded(0, 2, 4), "--runs", "5")
    assert "(5 runs in all)" in text
    assert "The search ended early; more runs may name an earlier event." in text
    limited = told(call, "t.json", "--time", "0.000001s")
    assert "(1 run in all)" in limited
    claims = ("could be avoided until", "fails whenever", "From the start")
    assert not any(claim in limited for claim in claims)
    assert "it is not known of any event" in limited


def test_bad_input_is_refused(call, recorded):
    def refused(*arguments):
        result = call("show", *arguments, "--inevitable")
        assert result.exit_code == 2
        (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Target: ")]
        return line

    assert "passed: there is no failure" in refused(recorded(0))
    assert "--time soon" in refused(recorded(0, 2, 4), "--time", "soon")
    assert call("show", "t.json", "--inevitable", "--continuations", "1").exit_code == 2
    Path("throws.py").write_text("async def scenario(sim):\n    sim.chance(0.5)\n")
    assert "does not fail like that any more" in refused("t.json")
    Path("throws.py").unlink()
    assert "throws.py" in refused("t.json")


def test_ctrl_c_tells_what_is_known_by_then(call, recorded, monkeypatch):
    from simqueue.search.explain import points

    played, left = points.run, iter(range(9))

    def interrupted(*arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return played(*arguments, **options)

    name = recorded(0, 2, 4)
    monkeypatch.setattr(points, "run", interrupted)
    result = call("show", name, "--inevitable")
    assert result.exit_code == 130
    assert result.stderr == "Target: throws.py:scenario\ninterrupted\n"
    assert "(9 runs in all)" in result.stdout


def test_with_which_event_the_odds_leapt_is_told(project):
    """One yes nearly always suffices: what comes much later makes it certain."""
    project(
        "leap.py",
        """
        async def scenario(sim):
            sim.log.info("begins")
            first = sim.chance(0.1)
            sim.log.info("first")
            second = sim.chance(0.9)
            sim.log.info("second")
            sim.chance(0.5)
            assert not (first and second)
        """,
    )
    target = load_target("leap.py")
    trace = run(target.scenario, choices={_KEY: {0: 1, 1: 1}}, target=target.name).trace
    text = render_inevitable(inevitable(trace, 40))
    assert "It became much more likely with event #1: " in text
    assert "of 40 fail before it, " in text
