"""`simqueue fuzz` with several targets, and what their runs print."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.model.events import LogLine
from simqueue.model.trace import Trace

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"  # under pytest -n, on 3.12
)

ROOT = str(Path(__file__).parents[2])
PRINTING = """
import logging
import sys

logging.basicConfig()

async def scenario(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            sys.stdout.write(f"mail {job.id}\\n")  # in one piece
            logging.getLogger("app").error("sent")

    sim.worker("a", app)
    await sim.queries.enqueue("mail", b"x")
    await sim.settled()
    assert sim.choice(range(3)), "a third"
"""
STOPPING = """
import asyncio

async def scenario(sim):
    number = sim.choice(range(3))
    if number == 1:
        breakpoint()
    assert number != 2, "two"
"""


@pytest.fixture
def call(project):
    """Call the command line in this process; returns its result."""
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


def spawned(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONBREAKPOINT", None)
    command = [sys.executable, "-m", "simqueue", *arguments]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_failure_is_printed_with_its_line_while_others_are_played(project):
    project("all/bad.py", "async def scenario(sim):\n    assert not sim, 'found'\n")
    project(
        "all/waits.py",
        """
        import os

        async def scenario(sim):
            while not os.path.exists("seen"):
                pass
        """,
    )
    how = ("--runs", "2", "--processes", "2", "--strategy", "calm")
    with spawned("fuzz", "all", *how) as process:
        try:
            lines = iter(process.stdout.readline, "")
            shown = []
            for line in lines:
                shown.append(line)
                if line.startswith("Again: simqueue replay .simqueue/failures/bad-"):
                    break
            assert any(
                line.startswith("Failed: exception: AssertionError: found") for line in shown
            )
            assert not any(" runs, " in line for line in shown)
            Path("seen").touch()
            rest = list(lines)
        finally:
            process.kill()
    assert any(line.startswith("all/bad.py:scenario: 2 runs, 2 failed in 1 way") for line in rest)
    assert any(line.startswith("all/waits.py:scenario: 2 runs, 0 failed") for line in rest)


def test_targets_are_summed_up_in_their_order_whatever_ends_first(call, project):
    project("b.py", "async def scenario(sim):\n    assert sim.choice(range(3)), 'a third'\n")
    project("a.py", "async def scenario(sim): ...\n")
    summaries = []
    for processes in ("1", "2"):
        how = ["--runs", "20", "--processes", processes, "--state", processes, "--json", "s.json"]
        assert call("fuzz", "b.py", "a.py", *how, "--traces", f"t{processes}").exit_code == 1
        text = Path("s.json").read_text().replace(f"t{processes}/", "")
        summary = json.loads(text)
        for target in summary["targets"]:
            del target["elapsed_s"]
        summaries.append(summary)
    assert summaries[0] == summaries[1]
    assert [each["target"] for each in summaries[0]["targets"]] == [
        "b.py:scenario",
        "a.py:scenario",
    ]


def test_a_target_that_had_no_time_is_inconclusive(call, project):
    project("a.py", "async def scenario(sim): ...\n")
    project("b.py", "async def scenario(sim): ...\n")
    result = call("fuzz", "a.py", "b.py", "--time", "0.000001s", "--processes", "1")
    assert result.exit_code == 4
    assert "a.py:scenario: 1 runs, 0 failed" in result.stdout
    assert "b.py:scenario: 0 runs, 0 failed in 0 ways, 0 seeds/s\n  inconclusive: no run of it" in (
        result.stdout
    )


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_runs_print_is_shown_with_the_failure_alone(project, processes):
    project("loud.py", PRINTING)
    process = spawned("fuzz", "loud.py", "--runs", "12", "--processes", processes)
    shown, errors = process.communicate()
    assert process.returncode == 1
    assert errors == ""
    assert shown.count("mail 1") == 1
    heading = "Printed in this run, the last 20 lines at most:\n    mail 1\n    ERROR:app:sent\n"
    assert f"{heading}\nAs found in run " in shown


@pytest.mark.parametrize("processes", [(), ("--processes", "2")])
def test_what_runs_print_is_let_through(project, processes):
    project("loud.py", PRINTING)
    how = ("--runs", "12", "--shrink-runs", "0", *processes)
    process = spawned("fuzz", "loud.py", "-s", *how)
    shown, errors = process.communicate()
    assert shown.count("mail 1\n") >= 12
    assert errors.count("ERROR:app:sent\n") >= 12
    assert "Printed in this run" not in shown


@pytest.mark.parametrize("shown", [(), ("-s",)])
def test_what_a_saved_failure_prints_is_shown_with_it_and_shrinking_prints_nothing(
    call, project, shown
):
    project("loud.py", PRINTING)
    call("fuzz", "loud.py", "--runs", "12")
    process = spawned("fuzz", "loud.py", "--runs", "1", *shown)
    output, _ = process.communicate()
    assert process.returncode == 1
    heading = "Printed in this run, the last 20 lines at most:\n    mail 1\n    ERROR:app:sent\n"
    assert f"{heading}\nAgain: simqueue replay" in output
    assert output.index(heading) < output.index("still fails")
    assert output.count("    mail 1\n") == 1


def test_a_breakpoint_has_the_terminal_in_this_process_and_is_refused_in_others(project):
    project("stops.py", STOPPING)
    how = ("--runs", "9", "--strategy", "random", "--shrink-runs", "0")
    for option in (("-s",), ("--processes", "1")):
        process = spawned("fuzz", "stops.py", *how, *option, stdin=subprocess.PIPE)
        shown, _ = process.communicate("p 6 * 7\nc\n" * 30)
        assert process.returncode == 1
        assert "(Pdb) 42\n" in shown
    process = spawned("fuzz", "stops.py", *how, "--processes", "2", stdin=subprocess.PIPE)
    _, errors = process.communicate("c\n" * 30)
    assert process.returncode == 2
    assert errors.startswith("simqueue: a run opened a debugger, which needs the terminal: give -s")


# --- at a terminal --------------------------------------------------------------------------------

ASKS = """
import logging
import sys


async def scenario(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            for name in ("stdin", "stdout", "stderr"):
                logging.getLogger("shop").warning("%s %s", name, getattr(sys, name).isatty())

    sim.worker("a", app)
    await sim.queries.enqueue("mail", b"")
    await sim.settled()
    assert sim.choice(range(4)) != 3
"""


@pytest.mark.parametrize("shrink_runs", ["0", "60"])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_code_that_asks_for_a_terminal_gets_the_same_answer_when_it_is_replayed(
    tmp_path, monkeypatch, processes, shrink_runs
):
    pexpect = pytest.importorskip("pexpect")
    monkeypatch.chdir(tmp_path)
    Path("asks.py").write_text(ASKS, encoding="utf-8")

    def typed(*words):
        command = shlex.join([sys.executable, "-m", "simqueue", *words])
        printed, status = pexpect.run(command, withexitstatus=True, timeout=120, encoding="utf-8")
        return status, printed

    amounts = ("--runs", "12", "--processes", processes, "--shrink-runs", shrink_runs)
    assert typed("fuzz", "asks.py", *amounts)[0] == 1
    (saved,) = Path(".simqueue/failures").glob("asks-*.json")
    logged = {each.event.message for each in Trace.load(saved).events if is_log(each)}
    assert logged == {"stdin True", "stdout True", "stderr True"}
    status, printed = typed("replay", str(saved))
    assert status == 1
    assert "reproduced: " in printed


def is_log(entry):
    return isinstance(entry.event, LogLine) and entry.event.logger == "shop"
