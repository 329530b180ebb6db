import subprocess
import sys
import textwrap
from importlib.metadata import entry_points

import pytest

from simqueue.model.choice import Choice
from simqueue.model.config import Config
from simqueue.model.events import (
    Entry,
    HandlerRaised,
    HandlerStarted,
    JobEnqueued,
    JobPicked,
    JobsBeat,
    StatementReplied,
)
from simqueue.model.failure import Failure, Outcome
from simqueue.model.ids import Instant
from simqueue.model.trace import TRACE_VERSION, Trace, seal

pytest_plugins = ["pytester"]

TRACEBACK = """Traceback (most recent call last):
  File "site-packages/pgqueuer/core/executors.py", line 9, in execute
    await self.func(job)
  File "./app.py", line 12, in charge
    raise ValueError("no money")
ValueError: no money
"""


AT_ONCE = """
import sys
{imports}
number = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
{code}
"""


@pytest.fixture(scope="session")
def at_once():
    """Runs code in several processes at the same moment; ``number`` tells them apart."""

    def run(count, imports, code):
        command = [sys.executable, "-c", AT_ONCE.format(imports=imports, code=code)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes = [subprocess.Popen([*command, str(number)], **pipes) for number in range(count)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            process.communicate()
        assert [process.returncode for process in processes] == [0] * count

    return run


@pytest.fixture(scope="session")
def plugin_args():
    """How an inner pytest finds the plugin: itself where simqueue is installed, else by name."""
    installed = any(point.name == "simqueue" for point in entry_points(group="pytest11"))
    return [] if installed else ["-p", "simqueue.pytest_plugin"]


@pytest.fixture
def trace():
    """A small failed run, written by hand."""
    events = (
        Entry(200, "scenario", JobEnqueued(1, "charge", 0, 200, b"x")),
        Entry(400, "scenario", StatementReplied(1)),
        Entry(600, "a", JobPicked(1, "11111111-1111-1111-1111-111111111111", slot=0)),
        Entry(600, "a", JobsBeat((1,))),
        Entry(800, "a", HandlerStarted("charge", job_id=1), cause=2),
        Entry(1_000_900, "a", HandlerRaised("charge", "ValueError: no money", job_id=1), cause=4),
    )
    failure = Failure(
        kind="exception",
        message="ValueError: no money",
        where="app.py:12 in charge",
        signature="exception:ValueError:charge:raise",
        traceback=TRACEBACK,
    )
    return seal(
        Trace(
            format="simqueue-trace",
            version=TRACE_VERSION,
            simqueue="0.1.0",
            pgqueuer="1.6.0",
            python="3.12.0",
            target="app.py:scenario",
            seed=17,
            config=Config(),
            choices=(
                Choice("a dequeue reply", 1, 2, 64, Instant(1_000), 0),
                Choice("a order", 0, 1, 2, Instant(1_200), 1, "b"),
                Choice("a dequeue reply", 3, 1, 64, Instant(1_500), 1),
            ),
            events=events,
            outcome=Outcome(False, 12, 1_000_900, failure),
            digest="d" * 32,
            checksum="",
        )
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory to write scenarios in, the current one; imports from it are forgotten after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = dict(sys.modules)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    yield write
    for name in set(sys.modules) - set(before):
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
