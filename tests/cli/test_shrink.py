import json
import os
import pty
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.cli.progress import shrink_bar
from simqueue.model.trace import Trace

SCENARIO = """
import asyncio

async def scenario(sim):
    picked = [sim.chance(0.7) for _ in range(30)]
    await asyncio.sleep(1)
    assert not (picked[3] and picked[17]), "both"
"""


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    project("two.py", SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


@pytest.fixture
def trace_file(call):
    for seed in range(50):
        if call("run", "two.py", "--seed", str(seed), "--trace", "t.json").exit_code:
            return "t.json"
    raise AssertionError


def deviations(file):
    return len(Trace.load(file).choices)


def refused(result):
    """Assert that bad input got one line on stderr, perhaps after the target; return it."""
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Target: ")]
    assert line.startswith("simqueue: ")
    return line


def test_a_trace_becomes_a_smaller_one_and_the_printed_line_replays_it(call, trace_file):
    before, bytes_before = deviations(trace_file), Path(trace_file).read_bytes()
    result = call("shrink", trace_file)
    assert result.exit_code == 0
    said, again = result.stdout.splitlines()
    assert re.fullmatch(
        rf"t\.json: {before} deviations from calm became 2 in \d+ runs; "
        "without any one of them it does not fail that way",
        said,
    )
    assert again == "Again: simqueue replay t.small.json"
    assert call(*again.split()[2:]).exit_code == 1
    assert deviations("t.small.json") == 2
    assert Path(trace_file).read_bytes() == bytes_before


def test_the_small_trace_is_written_where_it_is_told_to_be(call, trace_file):
    assert call("shrink", trace_file, "-o", "new/s.json").exit_code == 0
    assert deviations("new/s.json") == 2
    assert not Path("t.small.json").exists()


def test_the_trace_itself_is_not_overwritten(call, trace_file):
    before = Path(trace_file).read_bytes()
    result = call("shrink", trace_file, "-o", trace_file)
    assert result.exit_code == 2
    assert "is the trace itself" in result.stderr
    assert Path(trace_file).read_bytes() == before


def test_a_file_that_holds_something_else_is_left_alone(call, trace_file):
    Path("t.small.json").write_text("mine")
    for _ in range(2):  # an equal trace is written once
        assert "replay t.small-2.json" in call("shrink", trace_file).stdout
    assert Path("t.small.json").read_text() == "mine"
    assert not Path("t.small-3.json").exists()


def test_what_is_small_keeps_its_name(call, trace_file):
    call("shrink", trace_file)
    result = call("shrink", "t.small.json")
    assert "2 deviations from calm became 2 in" in result.stdout
    assert "replay t.small.json" in result.stdout
    assert sorted(path.name for path in Path().glob("*.json")) == ["t.json", "t.small.json"]


def test_few_runs_say_that_more_may_do_better(call, trace_file):
    result = call("shrink", trace_file, "--runs", "4")
    assert result.exit_code == 0
    assert "in 4 runs; more runs may leave fewer" in result.stdout


def test_ctrl_c_keeps_the_simplest_so_far(call, trace_file, monkeypatch):
    from simqueue.search.processes.successive import Successive

    played = Successive.play
    left = iter(range(9))

    def interrupted(*arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return played(*arguments, **options)

    before = deviations(trace_file)
    monkeypatch.setattr(Successive, "play", interrupted)
    result = call("shrink", trace_file)
    assert result.exit_code == 130
    assert result.stderr == "Target: two.py:scenario\ninterrupted\n"
    assert "in 10 runs" in result.stdout
    assert 2 <= deviations("t.small.json") < before
    assert call("replay", "t.small.json").exit_code == 1


def test_a_scenario_that_does_not_fail_any_more_is_told_of(call, trace_file, project):
    project("two.py", SCENARIO.replace("assert not", "assert 1 or"))
    said = refused(call("shrink", trace_file))
    assert "t.json does not fail like that any more" in said
    assert "record again" in said
    assert not Path("t.small.json").exists()


def test_bad_input_gets_one_line(call, trace_file, project):
    assert "no such file" in refused(call("shrink", "none.json"))
    Path("half.json").write_bytes(Path(trace_file).read_bytes()[:300])
    assert "half.json" in refused(call("shrink", "half.json"))
    project("file", "")
    assert "cannot be written" in refused(call("shrink", trace_file, "-o", "file/s.json"))
    Path("two.py").unlink()
    assert "two.py" in refused(call("shrink", trace_file))


def test_a_run_that_passed_is_refused(call, project):
    project("calm.py", "async def scenario(sim): ...\n")
    call("run", "calm.py", "--trace", "p.json")
    assert "nothing to shrink" in refused(call("shrink", "p.json"))


def test_progress_is_shown_on_a_terminal_alone(call, trace_file, monkeypatch):
    assert call("shrink", trace_file).stderr == "Target: two.py:scenario\n"
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as terminal, os.fdopen(parent, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        with shrink_bar("t.json", 400) as show:
            from simqueue.search.shrink.shrinker import shrink_further

            shrink_further(trace_file, on_progress=show, budget_runs=3)
        terminal.write("the end\n")
        terminal.flush()
        shown = b""
        while b"the end" not in shown:  # a terminal passes on what it is given in pieces
            shown += screen.read(65536)
    assert b"3/400" in shown
    assert b"deviations left" in shown


def test_the_small_trace_is_a_whole_document(call, trace_file):
    call("shrink", trace_file, "-o", "s.json")
    document = json.loads(Path("s.json").read_text())
    assert document["outcome"]["failure"]["message"] == "AssertionError: both"
