import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.search.campaign.known import render

SCENARIO = """
from pathlib import Path

Path("imported").touch()

async def scenario(sim):
    assert False, "it fails"
"""
REPORTED = [("fuzz", "app.py", "--json"), ("fuzz", "app.py", "--junit"), ("merge", "s", "--json")]
"""Commands that write reports beside failures, up to the option."""
WRITING = [
    ("run", "app.py", "--trace"),
    *REPORTED,
    ("report", "t.json", "-o"),
    ("export", "t.json", "--format", "jsonl", "-o"),
    ("shrink", "t.json", "-o"),
    ("diff", "t.json", "-o"),
    ("accept", "t.json", "--reason", "x", "--known"),
]
"""All commands that write a file, up to the option that names it."""


@pytest.fixture(autouse=True)
def place(project, trace, tmp_path):
    """A project with a file of each kind that is read; returns its directory."""
    project("app.py", SCENARIO)
    project("empty.py", "")
    project(".simqueue/known.toml", render([]))
    trace.save("t.json")
    trace.save(".simqueue/failures/app-1.json")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "victim").write_text("victim")
    (tmp_path / "link").symlink_to("victim")
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path


@pytest.fixture
def state(project):
    """The state of a campaign; the scenario has not been imported since."""
    result = call("fuzz", "app.py", "--runs", "1", "--state", "s", "--traces", "other")
    assert result.exit_code == 1
    Path("imported").unlink()
    (file,) = Path("s").glob("*.jsonl")
    return file


def call(*words):
    return CliRunner().invoke(app, [*words], prog_name="simqueue")


def refused(*words):
    """Assert that a command is refused in a line before it imports or writes; return the line."""
    before = snapshot()
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("simqueue: ")
    assert result.stderr.count("\n") == 1
    assert snapshot() == before
    return result.stderr


def snapshot():
    """Return all files here, with what is in them and where links lead."""
    found = {}
    for path in Path().rglob("*"):
        if path.is_symlink():
            found[path] = path.readlink()
        elif path.is_file() and "__pycache__" not in path.parts:
            found[path] = path.read_bytes()
    return found


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_file_that_a_command_must_not_write_is_refused_before_anything_runs(words, place, state):
    Path("hard.json").hardlink_to("app.py")
    places = [
        ("app.py", "is "),
        ("empty.py", "is Python source"),
        ("link", "is a symbolic link"),
        ("dangling", "is a symbolic link"),
        ("pipe", "not a regular file"),
        ("s", ""),
        ("t.json/inner", "cannot be written"),
        ("/dev/null", "not a regular file"),
        ("/dev/stdout", "is a symbolic link"),
        (str(state), "state"),
    ]
    if "--known" not in words:
        places.append((".simqueue/known.toml", "is the file of known failures"))
    for name, problem in places:
        said = refused(*words, name)
        assert name.removesuffix("/inner") in said
        assert problem in said, name
    assert Path("/dev/null").is_char_device()


def test_no_other_option_names_a_file_that_is_written():
    commands = typer.main.get_command(app).commands
    options = {
        (name, *option.opts)
        for name, command in commands.items()
        for option in command.params
        if option.metavar == "FILE"
    }
    named = {(words[0], words[-1]) for words in WRITING}
    others = {("fuzz", "--known"), ("new", "-o"), ("merge", "--junit")}
    assert all(any((name, each) in named | others for each in rest) for name, *rest in options)


@pytest.mark.parametrize("words", [each for each in WRITING if "export" not in each], ids=" ".join)
def test_a_dash_is_refused_where_standard_output_is_not_supported(words, place):
    assert f"{words[-1]} -: standard output is not supported here" in refused(*words, "-")
    assert not (place / "-").exists()


@pytest.mark.parametrize("words", [each for each in WRITING if "t.json" in each], ids=" ".join)
def test_the_trace_itself_is_refused_by_any_of_its_names(words, place):
    (place / "alias.json").symlink_to("t.json")
    (place / "hard.json").hardlink_to("t.json")
    (place / "here").symlink_to(".")
    for name in (
        "t.json",
        "./t.json",
        str(place / "t.json"),
        "alias.json",
        "hard.json",
        "here/t.json",
    ):
        said = refused(*words, name)
        assert (
            said
            == f"simqueue: {Path(name)}: is the trace itself; name another file after {words[-1]}\n"
        )


@pytest.mark.parametrize("words", [WRITING[0], *REPORTED[:2]], ids=" ".join)
@pytest.mark.parametrize("target", ["app.py:scenario", "./app.py", "app:scenario", "app"])
def test_the_scenario_is_refused_by_any_of_its_names(words, place, target):
    (place / "hard.json").hardlink_to("app.py")
    (place / "alias.json").symlink_to("app.py")
    command, _, option = words
    for name in ("app.py", "hard.json", "alias.json"):
        assert f"{name}: is the scenario itself" in refused(command, target, option, name)


def test_scenarios_of_a_directory_are_refused(place):
    (place / "scenarios").mkdir()
    shutil.copy("app.py", "scenarios/one.py")
    (place / "hard.json").hardlink_to("scenarios/one.py")
    assert "is the scenario itself" in refused("fuzz", "scenarios", "--json", "hard.json")


def test_a_scenario_that_a_trace_names_is_refused(place):
    (place / "hard.json").hardlink_to("app.py")
    for words in (
        ("report", "t.json"),
        ("export", "t.json", "--format", "otlp"),
        ("diff", "t.json"),
    ):
        assert "is the scenario itself" in refused(*words, "-o", "hard.json")


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_saved_failures_are_not_overwritten(words, state):
    saved = Path(".simqueue/failures/app-1.json")
    whole = saved.read_bytes()
    assert "is a saved failure" in refused(*words, str(saved))
    assert saved.read_bytes() == whole


@pytest.mark.parametrize("words", REPORTED, ids=" ".join)
def test_states_and_directories_are_not_overwritten_by_reports(words, state):
    said = refused(*words, "new", "--traces", "new/inner")
    assert "is the directory of --traces, or above it" in said
    shutil.copy(state, "copy")
    assert "is the state of a campaign" in refused(*words, "copy")


def test_a_state_that_is_not_yet_there_is_not_taken_by_a_report():
    words = ("fuzz", "app.py", "--state", "new", "--json")
    assert "is the state of a campaign" in refused(*words, "new/app-1f0c2d3e.jsonl")
    assert "is the directory of --state, or above it" in refused(*words, "new")


def test_two_reports_are_not_one_file(place):
    (place / "one.json").write_text("{}")
    (place / "two.xml").hardlink_to("one.json")
    for json, junit, problem in (
        ("new", "./new", "new: is the file of --json; name another file after --junit"),
        ("one.json", "two.xml", "two.xml: is the file of --json"),
        ("new", "new/inner", "new/inner: is below the file of --json"),
        ("new/inner", "new", "new: is a directory of the file of --json"),
    ):
        assert problem in refused("fuzz", "app.py", "--json", json, "--junit", junit)


def test_another_known_failures_file_is_not_overwritten(project):
    project("mine.toml", render([]))
    said = refused("fuzz", "app.py", "--known", "mine.toml", "--json", "mine.toml")
    assert "mine.toml: is the file of known failures" in said


def test_files_that_are_free_or_hold_a_report_are_written(place, state):
    Path("out").mkdir()
    reports = ("--json", "out/summary.json", "--junit", "out/junit.xml")
    for _ in range(2):
        call("fuzz", "app.py", "--runs", "1", "--traces", "out", "--state", "out", *reports)
        assert {"summary.json", "junit.xml"} < {path.name for path in Path("out").iterdir()}
        call("merge", "out", "--traces", "out", *reports)
    (place / "real").mkdir()
    (place / "directory").symlink_to("real")
    for _ in range(2):
        assert call("run", "app.py", "--trace", "directory/t.json").exit_code == 1
        assert call("report", "t.json", "-o", "directory/t.html").exit_code == 0
    assert {path.name for path in Path("real").iterdir()} == {"t.json", "t.html"}
