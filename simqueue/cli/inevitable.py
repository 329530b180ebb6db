"""When a failure became inevitable, in words: what ``simqueue show --inevitable`` prints."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import typer

from simqueue.cli.progress import search_bar
from simqueue.search.budgets import CONTINUATIONS, INEVITABLE_RUNS
from simqueue.terminal import complain

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.explain.inevitable import Inevitable, Odds
    from simqueue.search.target import Admit

_BAR = 20
_INTERRUPTED = 130
_SHOWN = 5
_LEAP = 4
"""Of how many continuations one must have changed sides to speak of it."""


def show_inevitable(
    trace: Trace,
    name: str,
    admit: Admit,
    *,
    continuations: int = CONTINUATIONS,
    runs: int = INEVITABLE_RUNS,
    limit: timedelta | None = None,
) -> None:
    """Find out when a trace's failure became inevitable, and print it; ``name`` is the file's.

    ``admit`` is given its target before it is run, and raises if that must not be.
    Ctrl-C ends the search, and what is known by then is told.

    Raises:
        UsageError: the trace passed, does not fail like that any more, or cannot be played.
    """
    from simqueue.cli.painting import tell
    from simqueue.errors import DivergenceError, UsageError
    from simqueue.search.explain.inevitable import inevitable
    from simqueue.search.explain.points import scenario_to_vary

    scenario = scenario_to_vary(trace, "inevitable.inevitable", admit)
    so_far: list[Inevitable] = []
    interrupted = False
    with search_bar(name, runs) as show:

        def on_progress(found: Inevitable) -> None:
            so_far[:] = [found]
            show(found)

        try:
            so_far[:] = [
                inevitable(
                    trace,
                    continuations,
                    scenario=scenario,
                    budget_runs=runs,
                    time_limit=limit,
                    on_progress=on_progress,
                )
            ]
        except DivergenceError as error:
            raise UsageError(f"{name} does not fail like that any more: {error}") from None
        except KeyboardInterrupt:
            interrupted = True
    for found in so_far:
        tell(render_inevitable(found))
    if interrupted:
        complain("interrupted")
        raise typer.Exit(_INTERRUPTED)


def render_inevitable(found: Inevitable) -> str:
    """Return since when a failure could not be averted, and how likely it was before."""
    parts = [_heading(found), _verdict(found)]
    if found.before is not None:
        parts += [_decided(found), _odds(found), _leap(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(found: Inevitable) -> str:
    plural = "s" * (found.runs != 1)
    said = (
        "When it became inevitable: from an event on the run goes on with fresh choices, "
        f"{found.continuations} times, once calmly ({found.runs} run{plural} in all)."
    )
    if found.settled:
        return said
    return f"{said}\nThe search was ended before it was done; more runs may name an earlier event."


def _verdict(found: Inevitable) -> str:
    count, before = found.continuations, found.before
    if not found.settled and (before is None or found.nothing_left):
        return "By then it is not known of any event whether the failure could be averted after it."
    if before is None and found.nothing_left:
        return "Nothing is left to choose in this run: it fails whenever it is run."
    if before is None:
        said = f"From the start: all {count} of {count} continuations fail alike."
        return f"{said}\nTiming does not decide it: look at what each run does, not at the order."
    lines = [_after(found), _line(found, found.since)]
    lines += [f"{_before(before, found)}:", _line(found, before.last)]
    return "\n".join(line for line in lines if line)


def _after(found: Inevitable) -> str:
    count = found.continuations
    if not found.nothing_left:
        return f"After event #{found.since} all {count} of {count} continuations fail alike:"
    if found.since >= len(found.trace.events):
        return "To the end of the log it could be averted: what is picked after it decides."
    return (
        f"To the end it could be averted. Event #{found.since} comes of the last choice that was "
        "left:"
    )


def _before(before: Odds, found: Inevitable) -> str:
    at = "At the start" if before.last < 0 else f"Before it, after event #{before.last},"
    if before.played < found.continuations:
        return f"{at} at least one got away"
    if before.alike == before.played:
        return (
            f"{at} all {before.played} of {before.played} fail, too, but one got away that came "
            "from an earlier event and had done the same until then"
        )
    return f"{at} {_shares(before)}"


def _shares(odds: Odds) -> str:
    """Say how many failed, passed, and failed in other ways."""
    from simqueue.report.effects import listed

    said = [f"{odds.alike} of {odds.played} fail alike"]
    said += [f"{odds.others} fail{'s' * (odds.others == 1)} in another way"] * bool(odds.others)
    said += [f"{odds.passed} pass{'es' * (odds.passed == 1)}"] * bool(odds.passed)
    return listed(said)


def _line(found: Inevitable, number: int) -> str:
    """Return an event with its number and time, statements by what they are and do."""
    from simqueue.report.side_by_side import render_event

    if not 0 <= number < len(found.trace.events):
        return ""
    return f"  {render_event(found.trace, number)}"


def _decided(found: Inevitable) -> str:
    """Say which deviations were picked between the two, if any was."""
    assert found.before is not None  # noqa: S101  or there are no two
    told = _picked(found, found.before.last, found.since)
    if not told:
        return "What was picked between the two is what a calm system does, too."
    return "\n".join(["Between the two was picked:", *told])


def _picked(found: Inevitable, after: int, until: int) -> list[str]:
    """Return the deviations that were picked between two events, a line for each."""
    from simqueue.report.choices.explain_choices import explain_choice
    from simqueue.report.story.participants import involved_in
    from simqueue.report.units import moment

    about = frozenset(involved_in(found.trace).subjects)
    between = [each for each in found.trace.choices if after < each.event <= until]
    told = [explain_choice(found.trace, each, about) for each in between[:_SHOWN]]
    more = [f"  and {len(between) - _SHOWN} more"] * (len(between) > _SHOWN)
    return [*(f"  {moment(each.at)} {each.said}" for each in told), *more]


def _leap(found: Inevitable) -> str:
    """Tell between which neighbours the odds changed most, unless it is told already."""
    pairs = [(one, other) for one, other in pairwise(found.odds) if one.last + 1 == other.first]
    if not pairs:
        return ""
    one, other = max(pairs, key=lambda pair: pair[1].alike - pair[0].alike)
    picked = _picked(found, one.last, other.first)
    leapt = other.alike - one.alike >= found.continuations // _LEAP
    if other.first == found.since or not leapt or not picked:
        return ""
    said = (
        f"It became much more likely with event #{other.first}: {one.alike} of {one.played} fail "
        f"before it, {other.alike} of {other.played} after it. There was picked:"
    )
    return "\n".join([said, *picked])


def _odds(found: Inevitable) -> str:
    """Return a line for each point whose odds are known, with a bar."""
    from simqueue.report.tables import render_columns

    if not found.odds:
        return ""
    rows = [(*_place(found, each), _bar(each), _shares(each)) for each in found.odds]
    return "\n".join(["How likely it was:", *render_columns(rows)])


def _place(found: Inevitable, odds: Odds) -> tuple[str, str]:
    """Return which event the odds are those after, and when it was."""
    from simqueue.report.units import moment

    if odds.first < 0:
        return "at the start", ""
    return f"after #{odds.first}", moment(found.trace.events[odds.first].at)


def _bar(odds: Odds) -> str:
    return ("*" * round(_BAR * odds.alike / odds.played)).ljust(_BAR)
