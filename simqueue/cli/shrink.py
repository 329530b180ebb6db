"""``simqueue shrink``: makes the trace of a failing run simpler."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.options import TraceArgument, naming
from simqueue.cli.outputs import check_outputs
from simqueue.cli.progress import shrink_bar
from simqueue.cli.searching import exit_if, run_search
from simqueue.cli.trusting import TrustOption, door, replay_line
from simqueue.report.findings.shrink import render_shrinking
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.shrink.shrinker import Shrunk
    from simqueue.sim.run import Scenario

_BAD_INPUT = 2

_Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where to write; by default beside TRACE, as *.small.",
    ),
]
_Runs = Annotated[int, typer.Option("--runs", metavar="N", min=1, help="Largest number of runs.")]


def shrink_command(
    trace: TraceArgument,
    output: _Output = None,
    runs: _Runs = SHRINK_RUNS,
    trust: TrustOption = False,
) -> None:
    """Find the fewest deviations from calm that still fail the same way.

    Ctrl-C ends the search and keeps the simplest run so far.

    \b
    Example:
      simqueue shrink .simqueue/failures/lost_update-1f0c2d3e.json -o small.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace
    from simqueue.search.saved import check_directory
    from simqueue.search.shrink.shrinker import scenario_to_shrink

    home = Path.cwd()  # now: code that is imported and run may change the current directory
    check_directory(home / Path(output or trace).parent)
    check_outputs({"-o": output}, traces=[trace])
    recorded = Trace.load(trace)
    with naming(trace):
        scenario = scenario_to_shrink(recorded, door(trace, trust=trust))
    shrunk, interrupted = _shrink(recorded, trace, scenario, runs)
    if shrunk is not None:
        say(f"{trace}: {describe(shrunk)}")
        path = _written(shrunk, trace, output, home)
        say(f"Again: {replay_line(path, recorded.target, home)}")
    exit_if(interrupted)


def _shrink(trace: Trace, name: str, scenario: Scenario, runs: int) -> tuple[Shrunk | None, bool]:
    """Return the simplest run, if the first one ended, and whether Ctrl-C ended the search."""
    from simqueue.errors import DivergenceError
    from simqueue.search.shrink.shrinker import shrink_further

    search = partial(shrink_further, trace, scenario=scenario, budget_runs=runs)
    try:
        with naming(name):
            return run_search(shrink_bar(name, runs), search)
    except DivergenceError as error:
        complain(f"simqueue: {name} does not fail like that any more: {error}")
        raise typer.Exit(_BAD_INPUT) from None


def describe(shrunk: Shrunk) -> str:
    """Return how far a failure was shrunk, in one line."""
    return render_shrinking(shrunk.shrinking)


def _written(shrunk: Shrunk, trace: str, output: str | None, home: Path) -> str:
    """Write the trace; return the name of its file, relative as the user's own names are."""
    from simqueue.search.saved import keep_as

    if output is not None:
        shrunk.trace.save(home / output)
        return output
    stem = Path(trace).with_suffix("")
    name = stem.name.removesuffix(".small")
    return str(stem.with_name(keep_as(shrunk.trace, (home / stem).with_name(f"{name}.small")).name))
