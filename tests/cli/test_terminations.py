"""SIGTERM and Ctrl-C, in processes of their own: a mistake would end the tests."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from simqueue.cli.terminations import Termination, terminable

ROOT = str(Path(__file__).parents[2])
SCENARIO = """
import asyncio
import ctypes
import os
import sys

LIBC = ctypes.CDLL(None)
SEEN = []

def is_first():
    # A second signal, from another process, would end the command at once.
    try:
        os.close(os.open("sent", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

async def scenario(sim):
    SEEN.append(1)
    await asyncio.sleep(1)
    if len(SEEN) == {run} and is_first():
        LIBC.kill(LIBC.{whom}(), {number})
        await asyncio.sleep(1)
    assert not sim.chance(0.9), "found"
"""


@pytest.fixture
def command(project):
    """Call the command line, on a scenario that sends a signal in one of its runs."""

    def call(*words, number=signal.SIGTERM, run=3, whom="getpid"):
        project("stopped.py", SCENARIO.format(number=int(number), run=run, whom=whom))
        environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": "0"}
        line = [sys.executable, "-m", "simqueue", *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    return call


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_campaign_that_is_told_to_end_says_what_it_found(number, status, word, command):
    options = ("--strategy", "random", "--processes", "1", "--json", "s.json", "--junit", "j.xml")
    done = command("fuzz", "stopped.py", *options, number=number)
    assert (done.returncode, done.stderr) == (status, f"{word}\n")
    assert "stopped.py:scenario: 2 runs, 2 failed in 1 way" in done.stdout
    assert "Again: simqueue replay .simqueue/failures/stopped-" in done.stdout
    document = json.loads(Path("s.json").read_text())
    assert document["status"] == status
    assert document["targets"][0]["interrupted"]
    (failure,) = document["targets"][0]["failures"]
    assert Path(failure["trace"]).is_file()
    error = ET.parse("j.xml").find("testsuite/testcase[@name='campaign']/error")
    assert error.get("message") == "interrupted after 2 runs"


def test_a_campaign_of_several_processes_ends_them_with_itself(command):
    done = command(
        "fuzz", "stopped.py", "--strategy", "random", "--runs", "100000", "--processes", "2",
        "--shrink-runs", "0", whom="getppid",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (143, "terminated\n")
    assert "failed in 1 way" in done.stdout
    assert "is lost" not in done.stdout


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_run_that_is_told_to_end_says_so(number, status, word, command):
    done = command("run", "stopped.py", number=number, run=1)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"{word}\n")


def test_who_handles_terminations_himself_goes_on_doing_so():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    try:
        with terminable() as termination:
            signal.raise_signal(signal.SIGTERM)
        assert heard == [True]
        assert not termination.came
    finally:
        signal.signal(signal.SIGTERM, before)


def test_only_the_first_termination_interrupts():
    termination = Termination()
    with pytest.raises(KeyboardInterrupt):
        termination.handle(signal.SIGTERM, None)
    termination.handle(signal.SIGTERM, None)
    assert (termination.status, termination.word) == (143, "terminated")


def test_a_termination_interrupts_where_interrupts_are_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            Termination().handle(signal.SIGTERM, None)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_termination_that_a_step_swallows_is_followed_by_one_that_ends_the_command(project):
    project(
        "stubborn.py",
        """
import itertools

async def scenario(sim):
    for word in itertools.chain(["begun\\n"], itertools.repeat("")):
        try:
            print(word, end="", flush=True)
            while True:
                pass
        except BaseException:
            print("swallowed", flush=True)
""",
    )
    line = [sys.executable, "-m", "simqueue", "run", "stubborn.py"]
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "swallowed\n"
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
                time.sleep(0.2)
        finally:
            process.kill()
    assert process.returncode == 143
