"""The nearest passing run, told beside the failing one: ``simqueue diff`` of one trace."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from simqueue.cli.options import naming
from simqueue.cli.outputs import check_outputs
from simqueue.cli.progress import search_bar
from simqueue.errors import UsageError
from simqueue.terminal import complain, is_terminal, say

if TYPE_CHECKING:
    from simqueue.model.choice import Choice
    from simqueue.model.trace import Trace
    from simqueue.search.explain.nearest import Change, Nearest
    from simqueue.search.target import Admit
    from simqueue.sim.run import Scenario

WIDTH = 100
"""Of what is not printed on a terminal."""

_NARROWEST, _WIDEST = 60, 200
_CHANGES_SHOWN = 5
_CONTEXT = 5
_DIFFER, _NONE_FOUND, _INTERRUPTED = 1, 4, 130


def width_of_output() -> int:
    """Return how many characters a line may have."""
    if not is_terminal():
        return WIDTH
    return min(max(_NARROWEST, shutil.get_terminal_size().columns), _WIDEST)


def diff_with_nearest(
    trace: Trace,
    name: str,
    admit: Admit,
    *,
    runs: int,
    limit: timedelta | None,
    output: str | None,
) -> None:
    """Find the passing run that is nearest to a failing one, and tell both; ends the command.

    ``admit`` is given the trace's target before it is run, and raises if that must not be.

    Raises:
        UsageError: the trace passed, does not fail like that any more, or cannot be played.
    """
    from simqueue.cli.painting import tell
    from simqueue.search.explain.points import scenario_to_vary

    if trace.outcome.failure is None:
        raise UsageError(
            f"{name} is of a run that passed, so there is no failure to tell it from; name a "
            "failing one, or two traces"
        )
    check_outputs({"-o": output}, traces=[name], targets=[trace.target])
    with naming(name):
        scenario = scenario_to_vary(trace, "nearest.nearest_passing", admit)
    found, interrupted = _search(trace, name, scenario, runs, limit)
    if found is not None:
        tell(render_nearest(found, name, width_of_output()))
        if output is not None and found.passing is not None:
            found.passing.save(output)
            say(f"The passing run is saved as {output}.")
    if interrupted:
        complain("interrupted")
        raise typer.Exit(_INTERRUPTED)
    raise typer.Exit(_NONE_FOUND if found is None or found.passing is None else _DIFFER)


def _search(
    trace: Trace, name: str, scenario: Scenario, runs: int, limit: timedelta | None
) -> tuple[Nearest | None, bool]:
    """Return the nearest run, if the search came that far, and whether Ctrl-C ended it."""
    from simqueue.errors import DivergenceError
    from simqueue.search.explain.nearest import nearest_passing

    so_far: list[Nearest | None] = [None]
    with search_bar(name, runs) as show:

        def on_progress(found: Nearest) -> None:
            so_far[0] = found
            show(found)

        try:
            with naming(name):
                found = nearest_passing(
                    trace,
                    scenario=scenario,
                    budget_runs=runs,
                    time_limit=limit,
                    on_progress=on_progress,
                )
        except DivergenceError as error:
            raise UsageError(f"{name} does not fail like that any more: {error}") from None
        except KeyboardInterrupt:
            return so_far[0], True
    return found, False


def render_nearest(found: Nearest, name: str, width: int) -> str:
    """Return which choice decides, where the runs part, and both of them from there on.

    Args:
        found: the failing run and the passing one.
        name: what the failing one is called.
        width: how many characters a line may have.
    """
    from simqueue.report.side_by_side import Side, render_side_by_side

    if found.passing is None:
        return f"{_none(found)}\n"
    sides = (
        Side(f"{Path(name).name}, which fails", found.trace),
        Side("the run that passes", found.passing),
    )
    columns = render_side_by_side(*sides, found.parted, width)
    parts = [_what_differs(found), _shared(found), columns]
    return "\n\n".join(parts)


def _none(found: Nearest) -> str:
    """Say what was tried in vain."""
    said = [
        f"{found.put_back} with one deviation put back to calm",
        f"{found.moved} with one choice moved to another value",
        f"{found.continued} with fresh choices from some event on",
    ]
    others = f", {found.others} of them in other ways" if found.others else ""
    text = f"No passing run was found near this one. All that were tried fail{others}:"
    hint = (
        "`simqueue show --inevitable` tells whether timing decides at all; of a trace that was not "
        "shrunk, `simqueue shrink` leaves the choices that matter."
    )
    ended = [] if found.settled else ["The search was ended before it was done."]
    return "\n".join([text, *(f"  {each}" for each in said), *ended, hint])


# --- what differs ---


def _what_differs(found: Nearest) -> str:
    count = len(found.changes)
    runs = f"{found.runs} runs were played"
    if count == 1:
        title = f"One choice decides; the run that passes makes all the others alike ({runs})."
    else:
        title = (
            f"No run that differs in one choice was found to pass; this one differs in {count} "
            f"({runs})."
        )
    lines = [title]
    for change in found.changes[:_CHANGES_SHOWN]:
        lines += _change(found, change)
    more = count - _CHANGES_SHOWN
    return "\n".join([*lines, *([f"  and {more} more"] if more > 0 else [])])


def _change(found: Nearest, change: Change) -> list[str]:
    assert found.passing is not None  # noqa: S101  or there were no change
    fails = _told(found.trace, change.there)
    passes = _told(found.passing, change.here)
    return [f"  fails:   {fails}", f"  passes:  {passes}"]


def _told(trace: Trace, choice: Choice | None) -> str:
    """Say what a choice did in a run."""
    from simqueue.model.choice_key import word_of
    from simqueue.report.choices.explain_choices import explain_choice
    from simqueue.report.story.participants import involved_in
    from simqueue.report.units import moment

    if choice is None:
        return "there it is as in a calm system"
    told = explain_choice(trace, choice, frozenset(involved_in(trace).subjects))
    exact = f" ({choice.value} of {choice.of})" if word_of(choice.key).kind == "random" else ""
    return f"{moment(told.at)} {told.said}{exact}"


def _shared(found: Nearest) -> str:
    """Tell the last events that both runs have."""
    from simqueue.report.side_by_side import render_event

    first = max(0, found.parted - _CONTEXT)
    lines = [f"  {render_event(found.trace, number)}" for number in range(first, found.parted)]
    if not lines:
        return "They part at the first event."
    return "\n".join([f"They part at event #{found.parted}; up to there both do the same:", *lines])
