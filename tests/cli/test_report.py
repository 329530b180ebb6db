import re

import msgspec
import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.model.events import Entry, LogLine
from simqueue.model.trace import seal


@pytest.fixture
def call(project, trace):
    trace.save("t.json")
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="simqueue")


def refused(result):
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simqueue: ")
    return result.stderr


def test_the_page_is_written_beside_the_trace_and_its_path_is_printed(call, tmp_path):
    result = call("report", "t.json")
    assert (result.exit_code, result.stdout) == (0, "t.html\n")
    page = (tmp_path / "t.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "simqueue replay t.json" in page


def test_the_page_is_written_where_it_is_wanted(call, tmp_path):
    result = call("report", "t.json", "-o", "deep/in/report.html")
    assert result.stdout == "deep/in/report.html\n"
    assert (tmp_path / "deep/in/report.html").is_file()
    assert not (tmp_path / "t.html").exists()


def test_only_what_is_named_is_overwritten(call, tmp_path):
    (tmp_path / "t.html").write_text("mine")
    assert "t.html: exists already; name it after -o" in refused(call("report", "t.json"))
    assert (tmp_path / "t.html").read_text() == "mine"
    assert call("report", "t.json", "-o", "t.html").exit_code == 0
    assert (tmp_path / "t.html").read_text() != "mine"
    assert call("report", "t.json").exit_code == 0  # the same page again


def test_a_page_has_as_many_events_as_are_asked_for(call, tmp_path, trace):
    ticks = tuple(Entry(at, "a", LogLine("app", "INFO", "tick")) for at in range(500))
    seal(msgspec.structs.replace(trace, events=ticks, choices=())).save(tmp_path / "long.json")
    assert call("report", "long.json", "--events", "100").exit_code == 0
    part = (tmp_path / "long.html").read_text()
    assert re.search(r"(39\d|400) of 500 events are not on this page", part)
    assert call("report", "long.json", "--events", "all", "-o", "all.html").exit_code == 0
    assert "are not on this page" not in (tmp_path / "all.html").read_text()
    for wrong in ("0", "-3", "many", "1e3"):
        assert f"--events {wrong}: write a number of events, or all" in refused(
            call("report", "long.json", "--events", wrong)
        )


def test_the_trace_itself_is_not_overwritten(call, tmp_path):
    before = (tmp_path / "t.json").read_bytes()
    assert "is the trace itself" in refused(call("report", "t.json", "-o", "./t.json"))
    assert (tmp_path / "t.json").read_bytes() == before


def test_what_is_no_trace_is_refused(call, tmp_path):
    assert "there is no such file" in refused(call("report", "missing.json"))
    (tmp_path / "half.json").write_bytes((tmp_path / "t.json").read_bytes()[:300])
    assert "breaks off in the middle" in refused(call("report", "half.json"))
    assert not (tmp_path / "half.html").exists()


def test_the_help_has_an_example(call):
    assert "simqueue report .simqueue/failures/" in call("report", "--help").stdout
