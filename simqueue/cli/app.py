"""All commands in one table, and how errors become exit statuses."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, assert_never, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from simqueue.errors import UsageError, excerpt
from simqueue.model.files import MAX_SIZE, MAX_SIZE_DEFAULT, parse_size
from simqueue.report.printable import printable
from simqueue.terminal import complain, say

BAD_INPUT = 2
_PARSER_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""The errors of the command line's parser; newer releases of typer bring their own click."""


Group = Literal["Begin", "Find", "Understand", "Keep"]
"""The groups of commands; `simqueue --help` lists them in this order."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, its group, and ``module:function``. Without a group it is hidden."""

    name: str
    group: Group | None
    function: str

    def load(self) -> Callable[..., Any]:
        """Import the function; typer makes options of its parameters and help of its docstring."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function


COMMANDS = (
    Command("new", "Begin", "simqueue.cli.new:new_command"),
    Command("run", "Begin", "simqueue.cli.run:run_command"),
    Command("fuzz", "Find", "simqueue.cli.fuzz:fuzz_command"),
    Command("merge", "Find", "simqueue.cli.merge:merge_command"),
    Command("audit", "Find", "simqueue.cli.audit:audit_command"),
    Command("replay", "Understand", "simqueue.cli.replay:replay_command"),
    Command("show", "Understand", "simqueue.cli.show:show_command"),
    Command("diff", "Understand", "simqueue.cli.reading:diff_command"),
    Command("report", "Understand", "simqueue.cli.report:report_command"),
    Command("serve", "Understand", "simqueue.cli.serve:serve_command"),
    Command("export", "Understand", "simqueue.cli.export:export_command"),
    Command("entropy", "Understand", "simqueue.cli.reading:entropy_command"),
    Command("explain", "Understand", "simqueue.cli.explain:explain_command"),
    Command("shrink", "Keep", "simqueue.cli.shrink:shrink_command"),
    Command("accept", "Keep", "simqueue.cli.accept:accept_command"),
    Command("_record", None, "simqueue.cli.audit:record_command"),
    Command("_play", None, "simqueue.cli.fuzz:play_command"),
)
"""All commands, as `simqueue --help` lists them. To add one, write a module and add a row here."""


class Commands(TyperGroup):
    """Runs a command. Errors that the user can correct are one line on stderr and exit status 2."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the options before the command's name."""
        with _parser_errors_escaped():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that ``ctx`` names."""
        try:
            with _parser_errors_escaped():
                return super().invoke(ctx)
        except (UsageError, UnicodeEncodeError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # typer then exits silently: the reader of the pipe has closed it
            problem = _described(error)
        complain(f"simqueue: {problem}")
        raise typer.Exit(BAD_INPUT)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands of each group under its heading."""
        width = max(len(name) for name, command in self.commands.items() if not command.hidden)
        limit = formatter.width - 6 - width
        for group in get_args(Group):
            rows = [
                (name.ljust(width), command.get_short_help_str(limit))
                for name, command in self.commands.items()
                if command.rich_help_panel == group  # type: ignore[attr-defined]
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


class PlainCommand(TyperCommand):
    """Shows each argument by its name alone; newer releases of typer add braces and types."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for each in self.params:
            if each.param_type_name == "argument":
                vars(each)["display_type_rich"] = lambda **_: ""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the command's name in the line of usage."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub(r"\{(.+?)\}(\.\.\.)?", r"\1", piece) for piece in pieces]


@contextmanager
def _parser_errors_escaped() -> Iterator[None]:
    """Escape what typer prints about a command line: its words may be names of files."""
    try:
        yield
    except Exception as error:
        if isinstance(error, _PARSER_ERROR):
            message = printable(error.format_message())  # type: ignore[attr-defined]
            vars(error)["format_message"] = lambda: message
        raise


def _described(error: UsageError | UnicodeEncodeError | OSError) -> str:
    match error:
        case UnicodeEncodeError():
            part = excerpt(error.object[error.start : error.end])
            return (
                f"text with '{part}' cannot be written in {error.encoding}: if it is the name of a "
                "file or a directory, rename it"
            )
        case OSError():
            return f"{error.filename or 'the output'} cannot be written: {error.strerror}"
        case UsageError():
            return str(error)
        case _:
            assert_never(error)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  as typer calls it
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    for package in ("simqueue", "pgqueuer"):
        try:
            say(f"{package} {version(package)}")
        except PackageNotFoundError:
            say(f"{package} (not installed)")
    raise typer.Exit


def _environment_restored() -> Callable[[], None]:
    """Return a function that sets the largest size back to its present value."""
    before = os.environ.get(MAX_SIZE, "")

    def restore() -> None:
        os.environ[MAX_SIZE] = before

    return restore


def options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the versions and exit."
        ),
    ] = False,
    max_size: Annotated[
        str | None,
        typer.Option(
            "--max-size",
            metavar="SIZE",
            help=f"The largest file to read: 500MB, 2GB; else {MAX_SIZE_DEFAULT}.",
        ),
    ] = None,
) -> None:
    """Find, replay and explain the timing bugs of PgQueuer applications.

    \b
    Examples:
      simqueue new app.py
      simqueue fuzz tests/scenario_app.py
      simqueue replay .simqueue/failures/scenario_app-1f0c2d3e.json
    """  # noqa: D301  the backspace keeps lines apart
    if max_size is not None:
        parse_size(max_size, "--max-size")
        context.call_on_close(_environment_restored())
        os.environ[MAX_SIZE] = max_size  # child processes read it, too


def build_app(commands: Iterable[Command] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands."""
    built = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    built.callback()(options)
    for each in commands:
        hidden = each.group is None
        register = built.command(
            each.name, cls=PlainCommand, hidden=hidden, rich_help_panel=each.group
        )
        register(each.load())
    return built


app = build_app()
