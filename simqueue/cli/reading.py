"""``simqueue diff`` and ``simqueue entropy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simqueue.cli.durations import duration
from simqueue.cli.options import TRACE_HELP
from simqueue.cli.painting import tell
from simqueue.cli.trusting import TrustOption, door
from simqueue.errors import UsageError
from simqueue.search.budgets import NEAREST_RUNS
from simqueue.terminal import say

if TYPE_CHECKING:
    from simqueue.model.trace import Trace


_Other = Annotated[
    str | None,
    typer.Argument(
        metavar="B",
        help="A second trace file; without it, search for the passing run most similar to A.",
    ),
]
_Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Save that passing run as a trace."),
]
_Runs = Annotated[
    int, typer.Option("--runs", metavar="N", min=1, help="Largest number of runs in that search.")
]
_Time = Annotated[
    str | None,
    typer.Option(
        "--time", metavar="SPAN", help="Start no more runs after this much time: 60s, 5m."
    ),
]


def diff_command(
    one: Annotated[str, typer.Argument(metavar="A", help=TRACE_HELP)],
    other: _Other = None,
    output: _Output = None,
    runs: _Runs = NEAREST_RUNS,
    time: _Time = None,
    trust: TrustOption = False,
) -> None:
    """Find the first event where two runs differ, and print both side by side from there on.

    With one failing trace, ideally a shrunk one: find the run that makes the same choices except
    one, and passes. Exit status: 0 they are the same, 1 they differ, 4 no passing run was found.

    \b
    Examples:
      simqueue diff trace.json
      simqueue diff trace.json -o passing.json
      simqueue diff before.json after.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.cli.nearest import Lookout, diff_with_nearest
    from simqueue.model.trace import Trace

    trace = Trace.load(one)
    limit = None if time is None else duration(time)
    if other is None:
        diff_with_nearest(trace, one, door(one, trust=trust), Lookout(runs, limit, output))
    if output is not None:
        raise UsageError("-o saves the passing run that is searched for if one trace is named")
    _diff(trace, Trace.load(other), (one, other))


def _diff(one: Trace, other: Trace, names: tuple[str, str]) -> NoReturn:
    """Print where two traces part, and both from there on."""
    from simqueue.cli.nearest import width_of_output
    from simqueue.report.difference import first_difference, render_difference
    from simqueue.report.side_by_side import Side, render_side_by_side

    tell(render_difference(one, other, names))
    difference = first_difference(one, other)
    if difference is None:
        raise typer.Exit(0)
    sides = Side(names[0], one), Side(names[1], other)
    tell("\n" + render_side_by_side(*sides, difference.number, width_of_output()))
    raise typer.Exit(1)


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
