"""Debuggers in what the command line runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = """
import asyncio
from datetime import timedelta

async def scenario(sim):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            breakpoint()
            await asyncio.sleep(1)

    sim.worker("a", app)
    await sim.queries.enqueue("charge", b"x")
    await sim.settled()
    assert sim.elapsed() < timedelta(seconds=1), "it is late"
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def call(project):
    """Call the command line in a process of its own with what a person types."""
    project("one.py", SCENARIO)

    def run(*arguments, typed):
        return subprocess.run(
            [sys.executable, "-m", "simqueue", *arguments],
            input="".join(f"{line}\n" for line in typed),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_breakpoint_in_a_handler_works_in_a_run_and_in_its_replay(call):
    first = call("run", "one.py", "--trace", "t.json", typed=["p job.id", "c"])
    assert "(Pdb) 1\n" in first.stdout
    assert "AssertionError: it is late" in first.stdout
    assert first.returncode == 1
    again = call("replay", "t.json", "--exact", typed=["n", "p job.entrypoint", "p job.id", "c"])
    assert "(Pdb) 'charge'\n(Pdb) 1\n" in again.stdout
    assert again.stdout.splitlines()[-1].startswith("reproduced: ")
    assert again.returncode == 1


@pytest.mark.parametrize("typed", [["q"], []], ids=["quit", "no input"])
def test_quitting_a_debugger_is_no_verdict(call, typed):
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    for command in (("run", "one.py"), ("replay", "t.json")):
        done = call(*command, typed=typed)
        assert done.returncode == 130
        assert "passed" not in done.stdout
        assert not done.stderr


def test_at_a_terminal_ctrl_c_takes_back_the_prompt_and_the_replay_goes_on(call):
    pexpect = pytest.importorskip("pexpect")
    call("run", "one.py", "--trace", "t.json", typed=["c"])
    command = ["-m", "simqueue", "replay", "t.json"]
    with pexpect.spawn(sys.executable, command, env=ENVIRONMENT, encoding="utf-8") as terminal:
        terminal.expect(re.escape("(Pdb) "), timeout=120)
        terminal.sendintr()
        terminal.expect("--KeyboardInterrupt--", timeout=120)
        terminal.expect(re.escape("(Pdb) "), timeout=120)
        terminal.sendline("c")
        terminal.expect("reproduced: ", timeout=120)
        terminal.expect(pexpect.EOF, timeout=120)
    assert terminal.exitstatus == 1
