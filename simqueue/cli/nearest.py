"""``simqueue diff`` of one trace: the most similar run that passes, beside the failing one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from simqueue.cli.options import naming
from simqueue.cli.outputs import check_outputs
from simqueue.cli.progress import search_bar
from simqueue.cli.searching import exit_if, run_search
from simqueue.errors import UsageError
from simqueue.terminal import is_terminal, say

if TYPE_CHECKING:
    from simqueue.model.findings import Nearest
    from simqueue.model.trace import Trace
    from simqueue.search.target import Admit

WIDTH = 100
"""Characters in a line that is not printed on a terminal."""

_NARROWEST, _WIDEST = 60, 200
_DIFFER, _NONE_FOUND = 1, 4


@dataclass(frozen=True, slots=True)
class Lookout:
    """How many runs to play and for how long, and where to save the run that passes."""

    runs: int
    limit: timedelta | None
    output: str | None


def width_of_output() -> int:
    """Return how many characters a line may have."""
    if not is_terminal():
        return WIDTH
    return min(max(_NARROWEST, shutil.get_terminal_size().columns), _WIDEST)


def diff_with_nearest(trace: Trace, name: str, admit: Admit, lookout: Lookout) -> NoReturn:
    """Find the passing run that is most similar to a failing one, and print both; always exits.

    ``admit`` is called with the trace's target before it is run, and raises if it must not be.

    Raises:
        UsageError: the trace passed, does not fail like that any more, or cannot be played.
    """
    from simqueue.cli.painting import tell
    from simqueue.report.findings.nearest import render_nearest

    if trace.outcome.failure is None:
        raise UsageError(
            f"{name} is of a run that passed, so there is no failure to compare with; name a "
            "failing one, or two traces"
        )
    check_outputs({"-o": lookout.output}, traces=[name], targets=[trace.target])
    nearest, interrupted = _search(trace, name, admit, lookout)
    if nearest is not None:
        tell(render_nearest(nearest, Path(name).name, width_of_output()))
        _save(nearest, lookout.output)
    exit_if(interrupted)
    raise typer.Exit(_NONE_FOUND if nearest is None or nearest.passing is None else _DIFFER)


def _search(trace: Trace, name: str, admit: Admit, lookout: Lookout) -> tuple[Nearest | None, bool]:
    """Return the nearest run, if the search got that far, and whether Ctrl-C ended it."""
    from simqueue.errors import DivergenceError
    from simqueue.search.explain.nearest import nearest_passing
    from simqueue.search.explain.points import scenario_to_vary

    with naming(name):
        search = partial(
            nearest_passing,
            trace,
            scenario=scenario_to_vary(trace, "nearest.nearest_passing", admit),
            budget_runs=lookout.runs,
            time_limit=lookout.limit,
        )
        try:
            return run_search(search_bar(name, lookout.runs), search)
        except DivergenceError as error:
            raise UsageError(f"{name} does not fail like that any more: {error}") from None


def _save(nearest: Nearest, output: str | None) -> None:
    if output is not None and nearest.passing is not None:
        nearest.passing.save(output)
        say(f"The passing run is saved as {output}.")
