"""``simqueue show``, ``diff`` and ``entropy``: what needs no run."""

from __future__ import annotations

from typing import Annotated

import typer

from simqueue.cli.options import TRACE_HELP, TraceArgument
from simqueue.errors import UsageError


def show_command(
    trace: TraceArgument,
    job: Annotated[
        int | None, typer.Option("--job", metavar="ID", help="Everything about this job.")
    ] = None,
    at: Annotated[
        int | None,
        typer.Option("--at", metavar="N", help="The tables as they stood after event N."),
    ] = None,
) -> None:
    """Tell a run's story in words.

    \b
    Examples:
      simqueue show trace.json
      simqueue show trace.json --job 3
      simqueue show trace.json --at 120
    """  # noqa: D301  the backspace keeps lines apart
    import shlex

    from simqueue.model.trace import Trace
    from simqueue.report.lines import concerns
    from simqueue.report.story import render_story

    recorded = Trace.load(trace)
    if job is not None and not any(concerns(entry.event, job=job) for entry in recorded.events):
        raise UsageError(f"{trace}: no event names job {job}; `simqueue show {trace}` tells all")
    if at is None or job is not None:
        again = f"simqueue replay {shlex.quote(trace)}"
        typer.echo(render_story(recorded, job=job, again=again), nl=False)
    if at is not None:
        from simqueue.search.history import render_tables_at

        typer.echo(render_tables_at(recorded, at), nl=False)


def diff_command(
    one: Annotated[str, typer.Argument(metavar="A", help=TRACE_HELP)],
    other: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
) -> None:
    """Find the first event where two runs part. Exit status: 0 they are the same, 1 they differ.

    \b
    Example:
      simqueue diff before.json after.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace
    from simqueue.report.difference import first_difference, render_difference

    first, second = Trace.load(one), Trace.load(other)
    typer.echo(render_difference(first, second, (one, other)), nl=False)
    raise typer.Exit(0 if first_difference(first, second) is None else 1)


def entropy_command() -> None:
    """List every source of entropy: controlled or refused, and how.

    \b
    Example:
      simqueue entropy
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.report.tables import render_columns
    from simqueue.sim.entropy import SOURCES

    rows = [(source.name, source.treatment, source.how) for source in SOURCES]
    typer.echo("\n".join(render_columns([("source", "treatment", "how"), *rows])))
