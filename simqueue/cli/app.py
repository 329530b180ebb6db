"""All commands, and how errors become exit statuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from simqueue.cli.accept import accept_command
from simqueue.cli.audit import audit_command, record_command
from simqueue.cli.explain import explain_command
from simqueue.cli.export import export_command
from simqueue.cli.fuzz import fuzz_command, play_command
from simqueue.cli.merge import merge_command
from simqueue.cli.new import new_command
from simqueue.cli.reading import diff_command, entropy_command
from simqueue.cli.replay import replay_command
from simqueue.cli.report import report_command
from simqueue.cli.run import run_command
from simqueue.cli.serve import serve_command
from simqueue.cli.show import show_command
from simqueue.cli.shrink import shrink_command
from simqueue.errors import UsageError, excerpt
from simqueue.model.files import MAX_SIZE, MAX_SIZE_DEFAULT, parse_size
from simqueue.report.words import printable
from simqueue.terminal import complain, say

BAD_INPUT = 2
_PARSER_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""What the parser of the command line raises; newer releases of typer bring their own click."""


class Commands(TyperGroup):
    """Runs a command; what the user can mend becomes one line on stderr and exit status 2."""

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
                raise  # typer ends in silence for who does not want to read on
            problem = _described(error)
        complain(f"simqueue: {problem}")
        raise typer.Exit(BAD_INPUT)


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
        case _:
            return str(error)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("new")(new_command)
app.command("run")(run_command)
app.command("fuzz")(fuzz_command)
app.command("merge")(merge_command)
app.command("replay")(replay_command)
app.command("shrink")(shrink_command)
app.command("show")(show_command)
app.command("explain")(explain_command)
app.command("report")(report_command)
app.command("diff")(diff_command)
app.command("serve")(serve_command)
app.command("export")(export_command)
app.command("accept")(accept_command)
app.command("audit")(audit_command)
app.command("entropy")(entropy_command)
app.command("_record", hidden=True)(record_command)
app.command("_play", hidden=True)(play_command)


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
    """Return what sets the largest size back to what it is now."""
    before = os.environ.get(MAX_SIZE, "")

    def restore() -> None:
        os.environ[MAX_SIZE] = before

    return restore


@app.callback()
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
        os.environ[MAX_SIZE] = max_size  # for processes that are started from here, too
