"""The way to a terminal: what is written there, and that there is no other."""

import ast
import contextlib
import io
import json
import os
import pty
import re
import sys
import threading
from pathlib import Path

import pytest

import simqueue
from simqueue import cli, terminal
from simqueue.cli.live import printer
from simqueue.cli.painting import tell
from simqueue.cli.progress import shrink_bar
from simqueue.errors import TargetError
from simqueue.model.events import Entry, LogLine
from simqueue.report.printable import printable
from simqueue.search.replay import stops

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e[bold]x[/bold][/]:smile:"
SHOWN = r"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e[bold]x[/bold][/]:smile:"

# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\tb\nc é \u4e2d", "a\tb\nc é \u4e2d"),
        ("\x00\x1b\r\x7f\x80\x9f", r"\x00\x1b\r\x7f\x80\x9f"),
        ("\u061c\u200e\u2028\u202e\u2066\u2069", r"\u061c\u200e\u2028\u202e\u2066\u2069"),
        ("\ud800 \udc80 \udc9b \udfff", r"\ud800 \udc80 \udc9b \udfff"),
        ("\udcff", "\udcff"),  # the byte 0xff of a file's name
    ],
)  # fmt: skip
def test_what_would_steer_a_terminal_is_written_as_an_escape(text, wanted):
    assert printable(text) == wanted


def test_text_is_printed_as_it_is_but_for_escapes(capsys):
    terminal.say(f"{HOSTILE}\tan\nend")
    terminal.say("no newline", end="")
    assert capsys.readouterr() == (f"{SHOWN}\tan\nend\nno newline", "")


def test_a_complaint_is_one_line_of_bounded_length(capsys):
    terminal.complain(f"{HOSTILE}  two\n  lines\n\n", indent="  ")
    assert capsys.readouterr() == ("", f"  {SHOWN}  two lines\n")
    terminal.complain("x\n" * 10_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < terminal.COMPLAINT_MAX + 50
    assert line.endswith("... (19999 characters)")


def test_json_means_the_same_with_escapes(capsysbinary):
    document = json.dumps({HOSTILE: "é\x7f\n"}, ensure_ascii=False).encode()
    terminal.say_json(document)
    printed = capsysbinary.readouterr().out
    assert json.loads(printed) == json.loads(document)
    assert b"\xc2\x9b" not in printed
    assert b"\\u009b2J\\u202e" in printed
    assert "é\\u007f\\n".encode() in printed


def test_what_the_output_cannot_encode_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    terminal.say("é \udcff")
    assert raw.getvalue() == b"\\xe9 \\udcff\n"


def test_output_that_was_closed_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    terminal.say("x")
    terminal.say_json(b"{}")
    assert not terminal.is_terminal()


def test_a_crash_of_simqueue_itself_is_told_without_such_characters(capsys, monkeypatch):
    error = RuntimeError(HOSTILE)
    terminal.say_crash(type(error), error, error.__traceback__)
    assert capsys.readouterr().err.endswith(f"RuntimeError: {SHOWN}\n")
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(cli, "pin_environment", lambda: None)
    monkeypatch.setattr("simqueue.cli.app.app", lambda prog_name: None)
    cli.main()
    assert sys.excepthook is terminal.say_crash


def test_a_failed_run_is_raised_with_text_that_can_be_printed():
    async def scenario(sim):
        raise ValueError(HOSTILE)

    with pytest.raises(simqueue.FailedRun) as caught:
        simqueue.run(scenario).check()
    assert f"ValueError: {SHOWN}\n" in str(caught.value)


def test_what_a_debuggers_prompt_shows_is_escaped(capsys, monkeypatch):
    assert repr(stops.Text(HOSTILE)) == SHOWN
    row = {1: LogLine(HOSTILE, "info", "x")}
    assert SHOWN in repr(stops.Rows("log", row))
    monkeypatch.setattr(sys, "breakpointhook", lambda **options: None)
    stops._printed(HOSTILE)
    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_an_error_about_a_target_is_bounded():
    error = TargetError("x" * 10**6 + HOSTILE, "is gone")
    assert len(str(error)) < 600
    assert str(TargetError("a.py:b", "is gone")) == "a.py:b: is gone"
    assert simqueue.errors.excerpt(str(error), 1_000) == str(error)


# --- colours and bars -----------------------------------------------------------------------------

OURS = re.compile(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[[12]?[AK]|\r")
"""Colours, and what draws a bar over itself."""


@contextlib.contextmanager
def screen(monkeypatch):
    """Let stdout and stderr be a terminal; what it is given is added to the list."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    parent, child = pty.openpty()
    shown = []

    def read():
        with contextlib.suppress(OSError):  # when the other end is closed
            while piece := os.read(parent, 65536):
                shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    pieces = []
    with os.fdopen(child, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        yield pieces
    reader.join()
    os.close(parent)
    pieces.append(b"".join(shown).decode())


def check_shown(pieces, said=SHOWN):
    (text,) = pieces
    assert "\x1b[" in text
    plain = OURS.sub("", text)
    assert printable(plain) == plain
    assert said in plain


def test_colours_are_added_to_text_that_is_escaped(monkeypatch):
    with screen(monkeypatch) as pieces:
        tell(f"Failed: {HOSTILE}\n  #2  +0.000200s  a{HOSTILE} picks\n")
    check_shown(pieces)


def test_events_that_are_printed_as_they_happen_are_escaped(monkeypatch):
    with screen(monkeypatch) as pieces:
        printer()(1, Entry(200, f"a{HOSTILE}", LogLine(HOSTILE, HOSTILE, HOSTILE)))
    check_shown(pieces)


def test_the_name_beside_a_bar_is_escaped_and_no_markup(monkeypatch):
    with screen(monkeypatch) as pieces, shrink_bar(HOSTILE, 5) as show:
        show(FakeShrunk())
    check_shown(pieces)


class FakeShrunk:
    runs, after = 2, 1


def test_whatever_is_drawn_on_a_console_is_escaped(monkeypatch):
    with screen(monkeypatch) as pieces:
        terminal.console().print(HOSTILE, style="bold")
    check_shown(pieces, SHOWN.replace(r"\x07", ""))  # which Rich leaves out


# --- no other way ---------------------------------------------------------------------------------

ROOT = Path(simqueue.__file__).parent
DOORS = ("terminal.py", "pytest_plugin/output.py")
BANNED_CALLS = {"print", "input", "Console", "breakpoint"}
BANNED_ATTRIBUTES = {
    "sys": {"stdout", "stderr", "__stdout__", "__stderr__", "displayhook"},
    "typer": {"echo", "secho", "style", "confirm", "prompt", "launch", "echo_via_pager"},
    "click": {"echo", "secho", "confirm", "prompt"},
    "rich": {"print", "inspect", "print_json", "get_console"},
    "structlog": {"PrintLogger", "PrintLoggerFactory", "WriteLogger", "BytesLogger", "get_logger"},
    "traceback": {"print_exc", "print_exception", "print_stack", "print_tb", "print_last"},
    "logging": {"StreamHandler", "basicConfig", "lastResort"},
    "pytest": {"fail", "UsageError", "exit", "skip", "xfail"},
}
BANNED_METHODS = {"write_line", "write_sep", "user_properties", "CollectError"}
BANNED_MODULES = ("rich.console", "rich.prompt", "click", "getpass", "pprint")
ALLOWED = {
    "cli/__init__.py": {"sys.stdout"},  # flushed before another program takes this process over
    "cli/encodings.py": {"sys.stdout", "sys.stderr"},  # told how to write what they cannot encode
    "search/processes/clean.py": {"sys.stdout", "sys.stderr"},  # led to /dev/null
    "search/processes/output.py": {"sys.stdout", "sys.stderr"},  # led to a file during a run
    "pytest_plugin/scenario.py": {
        "pytest.fail",
        "pytest.exit",
        "pytest.skip",
        "pytest.xfail",
    },  # caught
    "pytest_plugin/running.py": {"pytest.fail"},  # caught
}


def ways_out(tree):
    """Yield what of a module leads to a terminal."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BANNED_CALLS:
                yield name
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                if name in BANNED_ATTRIBUTES.get(owner, ()):
                    yield f"{owner}.{name}"
            case ast.ImportFrom(module=module, names=names):
                banned = BANNED_ATTRIBUTES.get(module or "", ())
                yield from (f"{module}.{each.name}" for each in names if each.name in banned)
                if (module or "").startswith(BANNED_MODULES):
                    yield str(module)
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.startswith(BANNED_MODULES))
        if isinstance(node, ast.Attribute) and node.attr in BANNED_METHODS:
            yield node.attr


def test_no_module_prints_but_by_the_one_way():
    found = {}
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        found[name] = set(ways_out(ast.parse(path.read_bytes())))
    past = {name: ways for name, ways in found.items() if ways and name not in DOORS}
    assert past == ALLOWED  # what prints otherwise is to call simqueue.terminal


def test_the_ways_that_are_looked_for_are_those_that_the_doors_use():
    for name in DOORS:
        assert len(set(ways_out(ast.parse((ROOT / name).read_text())))) >= 3
    for line in ("print(1)", "typer.echo(1)", "from rich.console import Console", "import click"):
        assert list(ways_out(ast.parse(line)))
