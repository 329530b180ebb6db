"""What a trace names is shown before it is run, and run only where it may be."""

import json
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest
from typer.testing import CliRunner

from simqueue.cli import trusting
from simqueue.cli.app import app
from simqueue.model.trace import Trace, seal

SCENARIO = """
import pathlib
pathlib.Path({marker!r}).touch()

async def scenario(sim):
    assert not sim.chance(0.5), "drawn"

def test_x():
    pass
"""
PLAYING = {
    "replay": [["t.json"], ["t.json", "--exact"]],
    "shrink": [["t.json", "--runs", "3", "-o", "out"]],
    "diff": [["t.json", "--runs", "3", "-o", "out"]],
    "show": [["t.json", "--inevitable", "--runs", "3"]],
}
READING = {
    "show": [["t.json"], ["t.json", "--all"], ["t.json", "--json"], ["t.json", "--at", "0"]],
    "diff": [["t.json", "t.json"]],
    "report": [["t.json", "-o", "out"]],
    "export": [["t.json", "--format", name] for name in ("perfetto", "otlp", "jsonl")],
    "accept": [["t.json", "--reason", "x", "--known", "known.toml"]],
}
NO_TRACE = {"new", "run", "fuzz", "merge", "audit", "entropy", "explain", "_record", "_play"}
"""Commands that run what their own command line names, or that run nothing."""


@pytest.fixture
def marker(tmp_path):
    """A file that is there once a scenario was imported."""
    return tmp_path / "marker"


@pytest.fixture
def call(project, tmp_path, marker, monkeypatch):
    """Call the command line in a directory; ``far.py`` lies beside it, ``near.py`` in it."""
    for file in ("far.py", "far.txt", "home/near.py"):
        project(file, SCENARIO.format(marker=str(marker)))
    monkeypatch.chdir(tmp_path / "home")
    return lambda *words: CliRunner().invoke(app, list(words), prog_name="simqueue")


@pytest.fixture
def record(call, marker):
    """Save the trace of a failed run of ``near.py``, and let it name another target."""
    seed = next(n for n in range(50) if call("run", "near.py", "--seed", str(n)).exit_code)
    call("run", "near.py", "--seed", str(seed), "--trace", "t.json")

    def save(target):
        seal(msgspec.structs.replace(Trace.load("t.json"), target=target)).save("t.json")
        marker.unlink(missing_ok=True)

    return save


def commands(table):
    return [[name, *words] for name, lines in table.items() for words in lines]


def test_every_command_is_known_here():
    names = {command.name for command in app.registered_commands}
    assert names == NO_TRACE | PLAYING.keys() | READING.keys() | {"serve"}


@pytest.mark.parametrize(
    "target", ["../far.py:scenario", "{outside}/far.py", "../far.txt:scenario", "link.py:scenario"]
)
def test_every_command_that_plays_refuses_a_target_elsewhere(call, record, marker, target):
    Path("link.py").symlink_to("../far.py")
    record(target.format(outside=Path.cwd().parent))
    for words in [*commands(PLAYING), ["replay", "t.json", "--pdb", "--break", "0"]]:
        result = call(*words)
        assert result.exit_code == 2, words
        (line,) = result.stderr.splitlines()
        assert line.startswith("simqueue: t.json: its target, "), words
        assert line.endswith("read that code, and add --trust to run it"), words
        assert not result.stdout
        assert not marker.exists(), words
    assert not Path("out").exists()


@pytest.mark.parametrize("words", commands(PLAYING), ids=" ".join)
def test_with_trust_it_is_shown_first_and_run(call, record, marker, words):
    record("../far.py:scenario")
    said = call(*words, "--trust")
    assert said.stderr.splitlines()[0] == "Target: ../far.py:scenario"
    assert said.exit_code in (0, 1)
    assert marker.exists()


@pytest.mark.parametrize("words", commands(PLAYING), ids=" ".join)
def test_below_the_current_directory_it_is_shown_first_and_run(call, record, marker, words):
    record(f"{Path.cwd()}/near.py:scenario")
    said = call(*words)
    assert said.stderr.splitlines()[0] == f"Target: {Path.cwd()}/near.py:scenario"
    assert said.exit_code in (0, 1)
    assert marker.exists()


TARGETS = ["near.py:scenario", "../far.py:scenario", "near:scenario", "pytest:near.py::test_x"]


@pytest.mark.parametrize("target", TARGETS)
def test_no_command_that_reads_imports_anything(call, record, marker, target):
    record(target)
    for words in commands(READING):
        result = call(*words)
        assert result.exit_code == 0, (words, result.output)
        assert "Target: " not in result.stderr
        assert not marker.exists(), words


@pytest.mark.parametrize("target", TARGETS)
def test_nor_does_the_dashboard(call, record, marker, target, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn", reason="the dashboard needs simqueue[web]")
    pytest.importorskip("pgqueuer.adapters.web.routes", reason="this PgQueuer has no dashboard")
    served = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: served.append(sockets))
    record(target)
    assert call("serve", "t.json").exit_code == 0
    assert served
    assert not marker.exists()


# --- the question ---------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["y\n", "YES\n", "\n", "no\n", ""])
def test_at_a_terminal_somebody_is_asked(call, record, marker, monkeypatch, typed):
    record("../far.py:scenario")
    monkeypatch.setattr(trusting, "can_ask", lambda: True)
    result = CliRunner().invoke(app, ["replay", "t.json"], input=typed, prog_name="simqueue")
    assert "not below the current directory" in result.stderr.splitlines()[0]
    assert "Run it? [y/N] " in result.stderr
    agreed = typed.lower().startswith("y")
    assert (marker.exists(), result.exit_code) == ((True, 1) if agreed else (False, 2))


@pytest.mark.parametrize("words", commands(PLAYING), ids=" ".join)
def test_ctrl_c_at_the_question_ends_the_command(call, record, marker, monkeypatch, words):
    record("../far.py:scenario")
    monkeypatch.setattr(trusting, "can_ask", lambda: True)
    monkeypatch.setattr(trusting, "ask", Mock(side_effect=KeyboardInterrupt))
    result = call(*words)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "interrupted")
    assert not marker.exists()


def test_what_the_user_names_himself_is_never_asked_about(call, marker):
    done = call("fuzz", "../far.py", "--runs", "30", "--json", "out.json")
    assert done.exit_code == 1
    # A set: a failure is printed again if a lower run has it, too, or if it was shrunk.
    (line,) = {line for line in done.stdout.splitlines() if line.startswith("Again: ")}
    command = line.removeprefix("Again: simqueue ")
    assert command.endswith(".json --trust")
    (target,) = json.loads(Path("out.json").read_bytes())["targets"]
    assert target["failures"][0]["again"] == f"simqueue {command}"
    marker.unlink()
    assert call(*command.split()).exit_code == 1
    assert marker.exists()
    marker.unlink()
    again = call("fuzz", "../far.py", "--runs", "1")
    assert f"Again: simqueue {command}" in again.stdout
    assert marker.exists()


# --- tests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "node",
    [
        "--junitxml=victim.txt",
        "-pevilplug",
        "--junitxml=victim.txt::test_x",
        "--rootdir=near.py::test_x",
        "@near.py::test_x",
        "near.py",
    ],
)
def test_what_is_no_test_s_id_is_refused_by_every_command_that_plays(call, record, node):
    Path("evilplug.py").write_text("import pathlib; pathlib.Path('victim.txt').touch()\n")
    record(f"pytest:{node}")
    before = sorted(Path().iterdir())
    for words in [*commands(PLAYING), ["replay", "t.json", "--trust"]]:
        result = call(*words)
        assert result.exit_code == 2, words
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"simqueue: t.json: pytest:{node}: what follows pytest: is not")
    assert sorted(Path().iterdir()) == before


def test_a_test_elsewhere_is_refused(call, record):
    for target in ("../far.py::test_x", "link.py::test_x"):
        Path("link.py").unlink(missing_ok=True)
        Path("link.py").symlink_to("../far.py")
        record(f"pytest:{target}")
        assert "add --trust to run it" in call("replay", "t.json").stderr


@pytest.mark.thorough
def test_a_test_is_run_whatever_its_parameters_are_called(call, record, plugin_args, monkeypatch):
    parameter = "-p x' --junitxml=victim.txt \"$(touch victim.txt)::]"
    Path("test_odd.py").write_text(
        "import pytest\n@pytest.mark.simqueue\n"
        f"@pytest.mark.parametrize('text', [{parameter!r}])\n"
        "async def test_x(sim, text):\n    assert not sim.chance(0.5), 'drawn'\n"
    )
    record(f"pytest:test_odd.py::test_x[{parameter}]")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(["-p no:cacheprovider", *plugin_args]))
    done = call("replay", "t.json", "--nearby", "0")
    assert done.stderr == f"Target: pytest:test_odd.py::test_x[{parameter}]\n"
    assert done.stdout.startswith(("drifted-alike", "different"))
    assert not Path("victim.txt").exists()
