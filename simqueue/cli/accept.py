"""``simqueue accept``: a failure that fails no campaign from now on, so that others are seen."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated

import typer

from simqueue.cli.options import KnownOption, TraceArgument
from simqueue.cli.outputs import check_outputs
from simqueue.terminal import say


def accept_command(
    trace: TraceArgument,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the failure is accepted for now.")
    ],
    known: KnownOption = None,
) -> None:
    """Accept a failure: from now on fuzz and pytest count it, and do not fail because of it.

    Its signature and its target are written to .simqueue/known.toml, which belongs under version
    control. Accepting it again replaces the reason.

    \b
    Example:
      simqueue accept trace.json --reason "PgQueuer issue 123; we retry by hand"
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace
    from simqueue.search.campaign.known import DEFAULT_FILE, accept

    file = known or DEFAULT_FILE
    check_outputs({"--known": file}, traces=[trace], known=())
    today = date.fromisoformat(time.strftime("%Y-%m-%d"))
    accepted = accept(Trace.load(trace), reason, today=today, path=file)
    say(f"accepted for {accepted.target or 'a scenario without a name'}: {accepted.signature}")
    say(f"it is in {file}: keep that under version control")
