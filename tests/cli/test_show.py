import json
import os
import pty
import sys

import pytest
from typer.testing import CliRunner

from simqueue.cli.app import app
from simqueue.cli.painting import tell


@pytest.fixture
def show(trace, tmp_path, monkeypatch):
    """Call ``simqueue show`` on the small trace."""
    monkeypatch.chdir(tmp_path)
    trace.save(tmp_path / "t.json")
    return lambda *options: CliRunner().invoke(app, ["show", "t.json", *options])


def shown(result):
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.output.splitlines()[1:]]


def refused(result):
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_events_are_chosen_by_what_they_are_about(show):
    assert shown(show("--job", "1", "--all")) == ["#0", "#2", "#3", "#4", "#5"]
    assert shown(show("--worker", "a", "--kind", "job_picked,handler_*")) == ["#2", "#4", "#5"]
    assert shown(show("--kind", "job_picked", "--kind", "job_enqueued")) == ["#0", "#2"]


def test_events_are_chosen_by_time_and_number(show):
    assert shown(show("--from", "+0.0008s", "--until", "0.5m")) == ["#4", "#5"]
    assert shown(show("--from", "#4", "--until", "#4")) == ["#4"]


def test_chosen_events_are_json_lines(show):
    lines = show("--kind", "handler_raised", "--json").output.splitlines()
    (told,) = map(json.loads, lines)
    assert (told["number"], told["at"], told["worker"], told["cause"]) == (5, 1_000_900, "a", 4)
    assert told["words"] == "a fails in job 1 (charge): ValueError: no money"
    assert len(show("--json").output.splitlines()) == 6


def test_what_nothing_is_about_is_refused_with_what_there_is(show):
    assert "no event names job 7" in refused(show("--job", "7"))
    assert "no event names schedule 1" in refused(show("--schedule", "1"))
    assert "there is no worker bob; there are a, scenario" in refused(show("--worker", "bob"))
    assert "no such kind; there are clock_set, " in refused(show("--kind", "picked"))
    assert "write virtual time" in refused(show("--from", "noon"))
    assert "write virtual time" in refused(show("--until", "#x"))


def test_tables_may_be_shown_beside_events(show):
    told = show("--job", "1", "--at", "2").output
    assert told.index("events:") < told.index("jobs: 1 row")


# --- colours ---


def painted(monkeypatch, text):
    """What a terminal is given for a text."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as terminal, os.fdopen(parent, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stdout", terminal)
        tell(f"{text}\nthe end\n")
        terminal.flush()
        said = b""
        while b"the end" not in said:
            said += screen.read(65536)
    return said.decode()


def test_a_terminal_is_given_colours(monkeypatch):
    said = painted(monkeypatch, "Failed: single-runner: [bold]job 1[/]\n  #2  +0.000200s  a picks")
    assert "\x1b[1;31mFailed: single-runner: [bold]job 1[/]\x1b[0m" in said
    assert "a\x1b[0m picks" in said


def test_everybody_else_is_given_the_text_as_it_is(capsys):
    tell("Failed: [bold]a :smile:\n  #2  +0.000200s  a picks " + "x" * 200 + "\n")
    assert (
        capsys.readouterr().out
        == "Failed: [bold]a :smile:\n  #2  +0.000200s  a picks " + "x" * 200 + "\n"
    )


# --- what is written by others stays text ---


def test_what_would_steer_a_terminal_is_escaped(trace, tmp_path, monkeypatch, capsys):
    said = "\x1b[2J\x1b]0;owned\x07 right\u202eleft\u2028 tab\t"
    tell(f"{said}\n")
    assert capsys.readouterr().out == ("\\x1b[2J\\x1b]0;owned\\x07 right\\u202eleft\\u2028 tab\t\n")
    assert "\\x1b[2J" in painted(monkeypatch, said)


def test_what_cannot_be_asked_for_together_is_refused(show):
    assert "use one of them at a time" in refused(show("--json", "--at", "2"))
    assert "use it alone" in refused(show("--inevitable", "--job", "1"))
    assert "--from and --until" in refused(show("--time", "9s"))
