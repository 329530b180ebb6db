"""When a failure became inevitable, as ``simqueue show --inevitable`` prints it."""

from __future__ import annotations

from itertools import pairwise

from simqueue.model.findings import Inevitable, Odds
from simqueue.report.choices.explain_choices import explain_choice
from simqueue.report.effects import listed
from simqueue.report.side_by_side import render_event
from simqueue.report.story.participants import involved_in
from simqueue.report.tables import render_columns
from simqueue.report.units import moment

_BAR = 20
_CHOICES_SHOWN = 5
_LEAP = 4
"""The odds leap where one in this many continuations ends otherwise."""


def render_inevitable(finding: Inevitable) -> str:
    """Return the event after which a failure could not be avoided, and the odds before it."""
    parts = [_heading(finding), _verdict(finding)]
    if finding.before is not None:
        parts += [_decided(finding, finding.before), _odds(finding), _leap(finding)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(finding: Inevitable) -> str:
    plural = "s" * (finding.runs != 1)
    heading = (
        "When it became inevitable: the run is continued from an event with fresh choices, "
        f"{finding.continuations} times, once calmly ({finding.runs} run{plural} in all)."
    )
    if finding.settled:
        return heading
    return f"{heading}\nThe search ended early; more runs may name an earlier event."


def _verdict(finding: Inevitable) -> str:
    count, before = finding.continuations, finding.before
    if not finding.settled and (before is None or finding.nothing_left):
        return "So far it is not known of any event whether the failure could be avoided after it."
    if before is None and finding.nothing_left:
        return "Nothing is left to choose in this run: it fails whenever it is played."
    if before is None:
        return (
            f"From the start: all {count} of {count} continuations fail the same way.\n"
            "Timing does not decide it: look at what each run does, not at the order."
        )
    lines = [_after(finding), _line(finding, finding.since)]
    lines += [f"{_before(before, finding)}:", _line(finding, before.last)]
    return "\n".join(line for line in lines if line)


def _after(finding: Inevitable) -> str:
    if not finding.nothing_left:
        all_fail = f"all {finding.continuations} of {finding.continuations} continuations fail"
        return f"After event #{finding.since} {all_fail} the same way:"
    if finding.since >= len(finding.trace.events):
        return (
            "It could be avoided until the end of the log: a choice after the last event decides."
        )
    return (
        f"It could be avoided until the end. Event #{finding.since} follows from the last choice "
        "that was left:"
    )


def _before(before: Odds, finding: Inevitable) -> str:
    at = "At the start" if before.last < 0 else f"Before it, after event #{before.last},"
    if before.played < finding.continuations:
        return f"{at} at least one does not"
    if before.same == before.played:
        return (
            f"{at} all {before.played} of {before.played} fail, too, but a continuation from an "
            "earlier event that was the same up to here does not"
        )
    return f"{at} {_shares(before)}"


def _shares(odds: Odds) -> str:
    """Return how many failed the same way, failed in other ways, and passed."""
    shares = [f"{odds.same} of {odds.played} fail the same way"]
    shares += [f"{odds.others} fail{'s' * (odds.others == 1)} in another way"] * bool(odds.others)
    shares += [f"{odds.passed} pass{'es' * (odds.passed == 1)}"] * bool(odds.passed)
    return listed(shares)


def _line(finding: Inevitable, number: int) -> str:
    """Return an event with its number, time and statement; nothing if there is no such event."""
    if not 0 <= number < len(finding.trace.events):
        return ""
    return f"  {render_event(finding.trace, number)}"


def _decided(finding: Inevitable, before: Odds) -> str:
    """Return the deviations that were chosen between the two points."""
    choices = _choices_between(finding, before.last, finding.since)
    if not choices:
        return "Every choice between the two is the calm one."
    return "\n".join(["Chosen between the two:", *choices])


def _choices_between(finding: Inevitable, after: int, until: int) -> list[str]:
    """Return a line for each deviation that was chosen between two events."""
    about = frozenset(involved_in(finding.trace).subjects)
    between = [each for each in finding.trace.choices if after < each.event <= until]
    shown = [explain_choice(finding.trace, each, about) for each in between[:_CHOICES_SHOWN]]
    more = [f"  and {len(between) - _CHOICES_SHOWN} more"] * (len(between) > _CHOICES_SHOWN)
    return [*(f"  {moment(each.at)} {each.text}" for each in shown), *more]


def _leap(finding: Inevitable) -> str:
    """Return between which neighbouring points the odds changed most, if that is not the answer."""
    pairs = [(one, other) for one, other in pairwise(finding.odds) if one.last + 1 == other.first]
    if not pairs:
        return ""
    one, other = max(pairs, key=lambda pair: pair[1].same - pair[0].same)
    choices = _choices_between(finding, one.last, other.first)
    leapt = other.same - one.same >= finding.continuations // _LEAP
    if other.first == finding.since or not leapt or not choices:
        return ""
    heading = (
        f"It became much more likely with event #{other.first}: {one.same} of {one.played} fail "
        f"before it, {other.same} of {other.played} after it. Chosen there:"
    )
    return "\n".join([heading, *choices])


def _odds(finding: Inevitable) -> str:
    """Return a line with a bar for each point whose odds are known."""
    if not finding.odds:
        return ""
    rows = [(*_place(finding, each), _bar(each), _shares(each)) for each in finding.odds]
    return "\n".join(["How likely it was:", *render_columns(rows)])


def _place(finding: Inevitable, odds: Odds) -> tuple[str, str]:
    """Return the event of a point, and its time."""
    if odds.first < 0:
        return "at the start", ""
    return f"after #{odds.first}", moment(finding.trace.events[odds.first].at)


def _bar(odds: Odds) -> str:
    return ("*" * round(_BAR * odds.same / odds.played)).ljust(_BAR)
