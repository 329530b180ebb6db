"""To add one of a kind takes one new module, one row of one table, or both, and nothing else.

A copy of the package gets a toy invariant, fault, strategy, command, format and release in that
way. If any of them needed another place, a command below would not work with it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import simqueue

PACKAGE = Path(simqueue.__file__).parent

MODULES = {
    "check/toy_watch.py": """
from simqueue.check.invariant import Broken, Invariant
from simqueue.model import events as e
from simqueue.model.explanation import Explanation


class ToyWatch(Invariant):
    name = "toy-watch"
    explanation = Explanation(
        name=name,
        subject="invariant",
        meaning="No worker is ever paused.",
        reason="A toy.",
        advice="Do not pause it.",
    )
    sees = (e.WorkerPaused,)

    def see(self, entry):
        return Broken(f"{entry.worker} was paused for {entry.event.duration} us")
""",
    "search/planning/toy.py": """
from dataclasses import dataclass

from simqueue.choices import Recording
from simqueue.search.planning.plan import Independent


@dataclass(frozen=True)
class ToyScript:
    def __str__(self):
        return "toy-plan"

    def source(self, seed):
        return Recording({"a second mishap:toy-freeze/second": {0: 64}})


def plan_toy(number, picks, share, play):
    return Independent(share.numbers(), lambda _: ToyScript())
""",
    "cli/toy.py": '''
from simqueue.terminal import say


def toy_command():
    """Say what a toy says."""
    say("squeak")
''',
    "report/export/toy.py": """
def render_toy(trace):
    return f"{len(trace.events)} events\\n".encode()
""",
}

ROWS = {
    "check/invariants.py": ('    "no-silent-error",\n', '    "toy-watch",\n'),
    "model/fault.py": (
        "FAULTS: tuple[Fault, ...] = (\n",
        """    Fault(
        kind="toy-freeze",
        subject="worker",
        effect="pause",
        severity="mishap",
        each_second=True,
        longest_s=5,
        presets=("toys",),
        noun="a toy freeze",
        summary="a worker freezes like a toy",
        reason="Toys do.",
        advice="Play with something else.",
    ),
""",
    ),
    "search/planning/strategies.py": (
        "STRATEGIES: tuple[Row, ...] = (\n",
        """    Row(
        name="toy-plan",
        for_one_run=True,
        function="simqueue.search.planning.toy:plan_toy",
        meaning="Freezes a worker in the first second.",
        reason="It is quick.",
        advice="Use it in tests.",
    ),
""",
    ),
    "cli/app.py": (
        "COMMANDS = (\n",
        '    Command("toy", "Begin", "simqueue.cli.toy:toy_command"),\n',
    ),
    "report/export/formats.py": (
        "_ROWS = (\n",
        '    Format("toy", ".toy", "for toys", "simqueue.report.export.toy:render_toy"),\n',
    ),
    "store/semantics.py": (
        "    ReleaseRow((1, 6, 0), {}),\n",
        '    ReleaseRow((9, 7, 0), {"id_bits": 31}),\n',
    ),
}
"""The file with the table, the line after which the row goes, and the row."""

SCENARIO = """
import asyncio

from simqueue.adapter.installed import semantics_in_force


def app(pq):
    @pq.entrypoint("job")
    async def job(context):
        pass


async def scenario(sim):
    assert semantics_in_force().id_bits == 31, "the toy release is not in force"
    sim.worker("a", app)
    await sim.queries.enqueue("job", None)
    await sim.settled()
    await asyncio.sleep(10)
"""

COMMANDS = {
    "--help": ["--help"],
    "toy": ["toy"],
    "versions": ["--version"],
    "fuzz --help": ["fuzz", "--help"],
    "export --help": ["export", "--help"],
    "fuzz": [
        "fuzz", "toybox.py", "--faults", "toys", "--strategy", "toy-plan", "--runs", "2",
        "--processes", "1", "--json", "campaign.json",
    ],
    "run": [
        "run", "toybox.py", "--faults", "toy-freeze", "--strategy", "toy-plan", "--trace", "t.json",
    ],
    "replay": ["replay", "t.json"],
    "shrink": ["shrink", "t.json", "-o", "small.json"],
    "show": ["show", "t.json"],
    "report": ["report", "t.json", "-o", "t.html"],
    "export": ["export", "t.json", "--format", "toy"],
    "explain": ["explain"],
    **{f"explain {name}": ["explain", name] for name in ("toy-watch", "toy-freeze", "toy-plan")},
}  # fmt: skip

DRIVER = """
import json, sys
from typer.testing import CliRunner
from simqueue.cli.app import app
results = {}
for name, words in json.load(sys.stdin).items():
    result = CliRunner(env={"COLUMNS": "400"}).invoke(app, words, prog_name="simqueue")
    results[name] = [result.exit_code, result.output]
from simqueue.search.explanations import write_guides
write_guides()
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A directory with the package and its toys."""
    root = tmp_path_factory.mktemp("box")
    copy = root / "simqueue"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in MODULES.items():
        (copy / name).write_text(text)
    for name, (after, row) in ROWS.items():
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(after) == 1, f"{name}: the table has another form"
        (copy / name).write_text(text.replace(after, after + row), encoding="utf-8")
    release = root / "pgqueuer-9.7.0.dist-info"
    release.mkdir()
    (release / "METADATA").write_text("Metadata-Version: 2.1\nName: pgqueuer\nVersion: 9.7.0\n")
    (root / "toybox.py").write_text(SCENARIO)
    return root


@pytest.fixture(scope="module")
def called(box):
    """The exit status and the output of each command with the toys."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(COMMANDS),
        cwd=box,
        env=os.environ | {"PYTHONPATH": str(box), "PYTHONHASHSEED": "0", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_invariant_is_a_module_and_a_row(called):
    status, output = called["fuzz"]
    assert (status, "invariant:toy-watch" in output) == (1, True), output
    assert "No worker is ever paused." in called["explain toy-watch"][1]
    assert "a was paused for" in called["run"][1]


def test_a_fault_is_a_row(called, box):
    assert called["run"][0] == 1
    assert "toy-freeze" in called["fuzz --help"][1]
    assert "toys" in called["fuzz --help"][1]
    assert "A worker freezes like a toy." in called["explain toy-freeze"][1]
    assert "a is paused for" in called["show"][1]
    assert "a is paused for" in (box / "t.html").read_text()
    assert called["shrink"][0] == 0, called["shrink"][1]
    trace = json.loads((box / "small.json").read_text())
    assert [choice[0] for choice in trace["choices"]] == ["a second mishap:toy-freeze/second"]
    assert trace["config"]["faults"]["kinds"] == ["toy-freeze"]


def test_a_strategy_is_a_module_and_a_row(called, box):
    assert "toy-plan" in called["fuzz --help"][1]
    assert "Freezes a worker in the first second." in called["explain toy-plan"][1]
    (campaign,) = json.loads((box / "campaign.json").read_text())["targets"]
    (failure,) = campaign["failures"]
    assert (campaign["strategy"], failure["strategy"]) == ("toy-plan", "toy-plan")
    assert called["replay"][0] == 1, called["replay"][1]


def test_a_command_is_a_module_and_a_row(called):
    assert called["toy"] == [0, "squeak\n"]
    assert "Say what a toy says." in called["--help"][1]


def test_an_export_format_is_a_module_and_a_row(called, box):
    events = json.loads((box / "t.json").read_text())["events"]
    assert called["export"] == [0, f"{len(events)} events\n"]
    assert "toy: for toys (*.toy)" in called["export --help"][1]


def test_a_release_of_pgqueuer_is_a_row(called):
    assert "pgqueuer 9.7.0" in called["versions"][1]
    assert "the toy release is not in force" not in called["fuzz"][1]


def test_names_are_listed_and_the_guides_are_written_again(called, box):
    index = called["explain"][1]
    guides = {
        "toy-watch": "check/README.md",
        "toy-freeze": "sim/README.md",
        "toy-plan": "search/README.md",
    }
    for name, guide in guides.items():
        assert f"  {name} " in index
        assert f"### `{name}`" in (box / "simqueue" / guide).read_text(encoding="utf-8")
