"""``simqueue show --inevitable``: the event after which a failure could not be avoided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from simqueue.cli.progress import search_bar
from simqueue.cli.searching import exit_if, run_search

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.target import Admit


@dataclass(frozen=True, slots=True)
class Measurement:
    """How many continuations to play from a point, how many runs in all, and for how long."""

    continuations: int
    runs: int
    limit: timedelta | None


def show_inevitable(trace: Trace, name: str, admit: Admit, measurement: Measurement) -> None:
    """Find out when a trace's failure became inevitable, and print it; ``name`` is the file's.

    ``admit`` is called with the trace's target before it is run, and raises if it must not be.
    Ctrl-C ends the search; the result so far is printed.

    Raises:
        UsageError: the trace passed, does not fail like that any more, or cannot be played.
    """
    from simqueue.cli.painting import tell
    from simqueue.errors import DivergenceError, UsageError
    from simqueue.report.findings.inevitable import render_inevitable
    from simqueue.search.explain.inevitable import inevitable
    from simqueue.search.explain.points import scenario_to_vary

    search = partial(
        inevitable,
        trace,
        measurement.continuations,
        scenario=scenario_to_vary(trace, "inevitable.inevitable", admit),
        budget_runs=measurement.runs,
        time_limit=measurement.limit,
    )
    try:
        finding, interrupted = run_search(search_bar(name, measurement.runs), search)
    except DivergenceError as error:
        raise UsageError(f"{name} does not fail like that any more: {error}") from None
    if finding is not None:
        tell(render_inevitable(finding))
    exit_if(interrupted)
