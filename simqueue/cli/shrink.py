"""``simqueue shrink``: a trace made simpler."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.options import TraceArgument, naming
from simqueue.cli.outputs import check_outputs
from simqueue.cli.progress import shrink_bar
from simqueue.cli.trusting import TrustOption, door, replay_line
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.shrink.shrinker import Shrunk
    from simqueue.sim.run import Scenario

_BAD_INPUT, _INTERRUPTED = 2, 130


def shrink_command(
    trace: TraceArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write; else beside TRACE, as *.small."
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", min=1, metavar="N", help="Runs to spend.")
    ] = SHRINK_RUNS,
    trust: TrustOption = False,
) -> None:
    """Find the fewest deviations from calm that still fail the same way.

    Ctrl-C ends the search and keeps the simplest so far.

    \b
    Example:
      simqueue shrink .simqueue/failures/lost_update-1f0c2d3e.json -o small.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.errors import DivergenceError
    from simqueue.model.trace import Trace
    from simqueue.search.saved import check_directory
    from simqueue.search.shrink.shrinker import scenario_to_shrink

    # Now: what is imported and run may change the current directory.
    home = Path.cwd()
    check_directory(home / Path(output or trace).parent)
    check_outputs({"-o": output}, traces=[trace])
    recorded = Trace.load(trace)
    with naming(trace):
        scenario = scenario_to_shrink(recorded, door(trace, trust=trust))
    try:
        shrunk, interrupted = _shrink(recorded, trace, scenario, runs)
    except DivergenceError as error:
        complain(f"simqueue: {trace} does not fail like that any more: {error}")
        raise typer.Exit(_BAD_INPUT) from None
    if shrunk is not None:
        say(f"{trace}: {describe(shrunk)}")
        path = _written(shrunk, trace, output, home)
        say(f"Again: {replay_line(path, recorded.target, home)}")
    if interrupted:
        complain("interrupted")
        raise typer.Exit(_INTERRUPTED)


def _shrink(trace: Trace, name: str, scenario: Scenario, runs: int) -> tuple[Shrunk | None, bool]:
    """Return the simplest run, if the first came to its end, and whether Ctrl-C ended it."""
    from simqueue.search.shrink.shrinker import shrink_further

    so_far: list[Shrunk | None] = [None]
    with shrink_bar(name, runs) as show:

        def on_progress(shrunk: Shrunk) -> None:
            so_far[0] = shrunk
            show(shrunk)

        try:
            with naming(name):
                shrunk = shrink_further(
                    trace, scenario=scenario, budget_runs=runs, on_progress=on_progress
                )
                return shrunk, False
        except KeyboardInterrupt:
            return so_far[0], True


def describe(shrunk: Shrunk) -> str:
    """Say from how much to how much, at what cost, and whether that is the end of it."""
    plural = "" if shrunk.runs == 1 else "s"
    said = (
        f"{shrunk.before} deviations from calm became {shrunk.after} in {shrunk.runs} run{plural}"
    )
    if not shrunk.minimal:
        return f"{said}; more runs may leave fewer"
    return f"{said}; without any one of them it does not fail like that" if shrunk.after else said


def _written(shrunk: Shrunk, trace: str, output: str | None, home: Path) -> str:
    """Write the trace; return where, as it was named."""
    from simqueue.search.saved import keep_as

    if output is not None:
        shrunk.trace.save(home / output)
        return output
    stem = Path(trace).with_suffix("")
    name = stem.name.removesuffix(".small")
    return str(stem.with_name(keep_as(shrunk.trace, (home / stem).with_name(f"{name}.small")).name))
