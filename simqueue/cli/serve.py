"""``simqueue serve``: shows a trace in PgQueuer's own dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from simqueue.cli.options import TraceArgument
from simqueue.terminal import say


def serve_command(
    trace: TraceArgument,
    at: Annotated[
        int | None,
        typer.Option(
            "--at", metavar="N", help="The event to begin with; by default that of the failure."
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", help="On 127.0.0.1; 0 takes any free port."
        ),
    ] = 0,
) -> None:
    """Show PgQueuer's dashboard with the tables as they were after each event.

    It is read-only, and only this machine can open it. Ctrl-C ends it. It needs simqueue[web].

    \b
    Examples:
      simqueue serve trace.json
      simqueue serve trace.json --at 120 --port 8080
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace
    from simqueue.web.serving import serve

    serve(Trace.load(trace), at, port, _say)


def _say(address: str) -> None:
    say(f"{address}  (ctrl-C ends it)")
