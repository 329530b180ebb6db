import json

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.report.export import FORMATS, render_export


@pytest.fixture
def call(trace, tmp_path, monkeypatch):
    """Call ``export``; returns its result."""
    monkeypatch.chdir(tmp_path)
    trace.save("t.json")
    return lambda *options: CliRunner().invoke(app, ["export", *options], prog_name="simqueue")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_written_to_stdout_or_to_a_file(call, tmp_path, trace, name):
    printed = call("t.json", "--format", name)
    assert printed.exit_code == 0
    assert printed.stdout_bytes == render_export(trace, name)
    written = call("t.json", "--format", name, "-o", "there/out")
    assert (written.exit_code, written.output) == (0, "")
    assert (tmp_path / "there/out").read_bytes() == printed.stdout_bytes
    assert json.loads(printed.stdout_bytes.splitlines()[0])


def test_a_dash_is_standard_output_and_no_file(call, tmp_path, trace):
    printed = call("t.json", "--format", "jsonl", "-o", "-")
    assert printed.exit_code == 0
    assert printed.stdout_bytes == render_export(trace, "jsonl")
    assert not (tmp_path / "-").exists()


def refused(result):
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_another_format_is_refused_and_those_there_are_are_named(call, tmp_path):
    said = refused(call("t.json", "--format", "xml", "-o", "out"))
    assert said == "simqueue: there is no format 'xml'; choose perfetto, otlp, jsonl\n"
    assert not (tmp_path / "out").exists()


def test_a_trace_that_is_not_there_is_refused(call):
    assert "none.json" in refused(call("none.json", "--format", "otlp"))


def test_a_place_where_nothing_can_be_written_is_refused(call):
    assert "cannot be written" in refused(call("t.json", "--format", "otlp", "-o", "t.json/x"))


def test_the_trace_itself_is_not_written_over(call, trace, tmp_path):
    before = (tmp_path / "t.json").read_bytes()
    (tmp_path / "link.json").symlink_to("t.json")
    for output in ("t.json", "link.json"):
        assert "is the trace itself" in refused(call("t.json", "--format", "otlp", "-o", output))
    assert (tmp_path / "t.json").read_bytes() == before
