"""``simqueue report``: writes a run as one HTML page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from simqueue.cli.options import TraceArgument
from simqueue.cli.outputs import check_outputs
from simqueue.errors import UsageError
from simqueue.terminal import say

EVENTS_MAX = 20_000
"""The default for --events: more make browsers slow."""


def report_command(
    trace: TraceArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write; by default beside TRACE, as *.html.",
        ),
    ] = None,
    events: Annotated[
        str,
        typer.Option(
            "--events",
            metavar="N",
            help="Largest number of events on the page, or all. Those of the story, faults and the "
            "last ones are kept first.",
        ),
    ] = str(EVENTS_MAX),
) -> None:
    """Write a run as one HTML page: its story, its timeline, every event with its tables.

    The page is one file that needs no network; open it in any browser.

    \b
    Example:
      simqueue report .simqueue/failures/lost_update-1f0c2d3e.json -o report.html
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.inspect.row_changes import table_changes
    from simqueue.model.files import write_whole
    from simqueue.model.trace import Trace
    from simqueue.report.page import render_page

    limit = _limit(events)
    recorded = Trace.load(trace)
    path = output if output is not None else str(Path(trace).with_suffix(".html"))
    check_outputs({"-o": path}, traces=[trace], targets=[recorded.target])
    again = f"simqueue replay {shlex.quote(trace)}"
    page = render_page(recorded, table_changes(recorded), again=again, limit=limit)
    if output is None:
        _spare(Path(path), page)
    write_whole(path, page)
    say(path)


def _limit(events: str) -> int | None:
    """Read ``20000`` or ``all``."""
    if events == "all":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,11}", events):
        raise UsageError(f"--events {events}: write a number of events, or all")
    return int(events)


def _spare(path: Path, page: bytes) -> None:
    """Refuse to overwrite a file that the user did not name, unless it is the same page."""
    if path.exists() and not (path.is_file() and path.read_bytes() == page):
        raise UsageError(f"{path}: exists already; name it after -o to overwrite it")
