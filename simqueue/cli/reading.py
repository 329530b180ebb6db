"""``simqueue diff`` of two traces and ``entropy``: what needs no run."""

from __future__ import annotations

from typing import Annotated

import typer

from simqueue.cli.durations import duration
from simqueue.cli.options import TRACE_HELP
from simqueue.cli.painting import tell
from simqueue.cli.trusting import TrustOption, door
from simqueue.errors import UsageError
from simqueue.search.budgets import NEAREST_RUNS
from simqueue.terminal import say


def diff_command(
    one: Annotated[str, typer.Argument(metavar="A", help=TRACE_HELP)],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="Another one; else the passing run that is most like A is looked for.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Save that passing run as a trace."),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", min=1, metavar="N", help="Runs to spend on that.")
    ] = NEAREST_RUNS,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="SPAN", help="Begin no more runs after so long: 60s, 5m."),
    ] = None,
    trust: TrustOption = False,
) -> None:
    """Find the first event where two runs part, and tell them side by side from there on.

    Of one failing trace, best a shrunk one: find the run that makes the same choices but one and
    passes. Exit status: 0 they are the same, 1 they differ, 4 no passing run was found.

    \b
    Examples:
      simqueue diff trace.json
      simqueue diff trace.json -o passing.json
      simqueue diff before.json after.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.cli.nearest import diff_with_nearest, width_of_output
    from simqueue.model.trace import Trace
    from simqueue.report.difference import first_difference, render_difference
    from simqueue.report.side_by_side import Side, render_side_by_side

    first = Trace.load(one)
    limit = None if time is None else duration(time)
    if other is None:
        admit = door(one, trust=trust)
        diff_with_nearest(first, one, admit, runs=runs, limit=limit, output=output)
        return
    if output is not None:
        raise UsageError("-o saves the passing run that is looked for where one trace is named")
    second = Trace.load(other)
    tell(render_difference(first, second, (one, other)))
    found = first_difference(first, second)
    if found is not None:
        sides = Side(one, first), Side(other, second)
        tell("\n" + render_side_by_side(*sides, found.number, width_of_output()))
    raise typer.Exit(0 if found is None else 1)


def entropy_command() -> None:
    """List every source of entropy: controlled or refused, and how.

    \b
    Example:
      simqueue entropy
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.report.tables import render_columns
    from simqueue.sim.sources import SOURCES

    rows = [(source.name, source.treatment, source.how) for source in SOURCES]
    say("\n".join(render_columns([("source", "treatment", "how"), *rows])))
