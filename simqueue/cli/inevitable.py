"""When a failure became inevitable, in words: what ``simqueue show --inevitable`` prints."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simqueue.cli.progress import search_bar
from simqueue.search.budgets import CONTINUATIONS, INEVITABLE_RUNS

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.inevitable import Inevitable, Odds

_BAR = 20
_SHOWN = 5


def tell_inevitable(
    trace: Trace,
    name: str,
    *,
    continuations: int = CONTINUATIONS,
    runs: int = INEVITABLE_RUNS,
    limit: timedelta | None = None,
) -> str:
    """Find out when a trace's failure became inevitable, and say so; ``name`` is the file's.

    Ctrl-C ends the search, and what is known by then is told.

    Raises:
        UsageError: the trace passed, does not fail like that any more, or cannot be played.
    """
    from simqueue.errors import DivergenceError, UsageError
    from simqueue.search.inevitable import inevitable

    so_far: list[Inevitable] = []
    with search_bar(name, runs) as show:

        def on_progress(found: Inevitable) -> None:
            so_far[:] = [found]
            show(found)

        try:
            found = inevitable(
                trace,
                continuations,
                budget_runs=runs,
                time_limit=limit,
                on_progress=on_progress,
            )
        except DivergenceError as error:
            raise UsageError(f"{name} does not fail like that any more: {error}") from None
        except KeyboardInterrupt:
            if not so_far:
                raise
            found = so_far[0]
    return render_inevitable(found)


def render_inevitable(found: Inevitable) -> str:
    """Return since when a failure could not be averted, and how likely it was before."""
    parts = [_heading(found), _verdict(found)]
    if found.before is not None:
        parts += [_decided(found), _odds(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(found: Inevitable) -> str:
    said = (
        "When it became inevitable: from an event on the run goes on with fresh choices, "
        f"{found.continuations} times, once calmly ({found.runs} runs in all)."
    )
    if found.settled:
        return said
    return f"{said}\nThe search was ended before it was done; more runs may name an earlier event."


def _verdict(found: Inevitable) -> str:
    count, before = found.continuations, found.before
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
    said = [f"{odds.alike} of {odds.played} fail alike"]
    said += [f"{odds.others} fail{'s' * (odds.others == 1)} in another way"] * bool(odds.others)
    said += [f"{odds.passed} pass{'es' * (odds.passed == 1)}"] * bool(odds.passed)
    from simqueue.report.deeds import listed

    return listed(said)


def _line(found: Inevitable, number: int) -> str:
    """Return an event with its number and time, statements by what they are and do."""
    from simqueue.report.side_by_side import render_event

    if not 0 <= number < len(found.trace.events):
        return ""
    return f"  {render_event(found.trace, number)}"


def _decided(found: Inevitable) -> str:
    """Say which deviations were picked between the two, if any was."""
    from simqueue.report.concern import concern_of
    from simqueue.report.deviations import explain_choice
    from simqueue.report.words import moment

    before = found.before
    if before is None:
        return ""
    about = concern_of(found.trace).subjects
    between = [each for each in found.trace.choices if before.last < each.event <= found.since]
    if not between:
        return "What was picked between the two is what a calm system does, too."
    told = [explain_choice(found.trace, each, about) for each in between[:_SHOWN]]
    lines = [f"  {moment(at)} {said}" for at, said in told]
    more = [f"  and {len(between) - _SHOWN} more"] * (len(between) > _SHOWN)
    return "\n".join(["Between the two was picked:", *lines, *more])


def _odds(found: Inevitable) -> str:
    """Return a line for each point whose odds are known, with a bar."""
    from simqueue.report.words import moment

    if not found.odds:
        return ""
    places = ["at the start" if each.first < 0 else f"after #{each.first}" for each in found.odds]
    times = [
        "" if each.first < 0 else moment(found.trace.events[each.first].at) for each in found.odds
    ]
    wide, wider = max(map(len, places)), max(map(len, times))
    lines = [
        f"  {place:<{wide}}  {time:>{wider}}  {'*' * round(_BAR * each.alike / each.played):<{_BAR}}"
        f"  {_shares(each)}"
        for place, time, each in zip(places, times, found.odds, strict=True)
    ]
    return "\n".join(["How likely it was:", *lines])
