"""A failing run beside the most similar run that passes, as ``simqueue diff TRACE`` prints it."""

from __future__ import annotations

from simqueue.model.choice import Choice
from simqueue.model.choice_key import word_of
from simqueue.model.findings import Change, Nearest
from simqueue.model.trace import Trace
from simqueue.report.choices.explain_choices import explain_choice
from simqueue.report.side_by_side import Side, render_event, render_side_by_side
from simqueue.report.story.participants import involved_in
from simqueue.report.units import moment

_CHANGES_SHOWN = 5
_CONTEXT = 5
_HINT = (
    "`simqueue show --inevitable` measures whether timing decides at all. If the trace was not "
    "shrunk, `simqueue shrink` leaves only the choices that matter."
)


def render_nearest(finding: Nearest, name: str, width: int) -> str:
    """Return the choice that decides, where the runs part, and both of them from there on.

    Args:
        finding: the failing run and the passing one.
        name: of the failing one.
        width: largest number of characters in a line.
    """
    if finding.passing is None:
        return f"{_not_found(finding)}\n"
    sides = (
        Side(f"{name}, which fails", finding.trace),
        Side("the run that passes", finding.passing),
    )
    columns = render_side_by_side(*sides, finding.parted, width)
    return "\n\n".join([_differences(finding, finding.passing), _shared(finding), columns])


def _not_found(finding: Nearest) -> str:
    """Return the list of attempts, none of which passed."""
    others = f", {finding.others} of them in other ways" if finding.others else ""
    ended = [] if finding.settled else ["The search ended early."]
    return "\n".join(
        [
            f"No passing run was found near this one. All runs that were tried fail{others}:",
            f"  {finding.put_back} with one deviation set back to calm",
            f"  {finding.moved} with one choice set to another value",
            f"  {finding.continued} with fresh choices from some event on",
            *ended,
            _HINT,
        ]
    )


# --- what differs ---------------------------------------------------------------------------------


def _differences(finding: Nearest, passing: Trace) -> str:
    count = len(finding.changes)
    runs = f"{finding.runs} runs were played"
    if count == 1:
        title = f"One choice decides; the run that passes makes all others the same way ({runs})."
    else:
        title = (
            "No run that differs in one choice was found to pass; this one differs in "
            f"{count} ({runs})."
        )
    lines = [title]
    for change in finding.changes[:_CHANGES_SHOWN]:
        lines += _change(finding.trace, passing, change)
    more = count - _CHANGES_SHOWN
    return "\n".join([*lines, *([f"  and {more} more"] if more > 0 else [])])


def _change(trace: Trace, passing: Trace, change: Change) -> list[str]:
    return [
        f"  fails:   {_effect(trace, change.there)}",
        f"  passes:  {_effect(passing, change.here)}",
    ]


def _effect(trace: Trace, choice: Choice | None) -> str:
    """Return the effect of a choice in a run."""
    if choice is None:
        return "the calm choice"
    shown = explain_choice(trace, choice, frozenset(involved_in(trace).subjects))
    exact = f" ({choice.value} of {choice.of})" if word_of(choice.key).kind == "random" else ""
    return f"{moment(shown.at)} {shown.text}{exact}"


def _shared(finding: Nearest) -> str:
    """Return the last events that both runs have."""
    first = max(0, finding.parted - _CONTEXT)
    lines = [f"  {render_event(finding.trace, number)}" for number in range(first, finding.parted)]
    if not lines:
        return "They part at the first event."
    return "\n".join([f"They part at event #{finding.parted}; before it both do the same:", *lines])
