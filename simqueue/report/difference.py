"""The first difference between two runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.findings import Difference
from simqueue.model.trace import Trace
from simqueue.report.lines import render_line
from simqueue.report.managers import Managers
from simqueue.report.words import happened

THE_END = "the end of the run"
_AROUND = 60
CONTEXT = 5
_REORDERED_MAX = 60
_WORD = re.compile(r"\w+")


def difference_at(number: int, one: Entry | None, other: Entry | None) -> Difference | None:
    """Compare the entries of two runs at one place of their logs; None is the end of a log."""
    if one == other:
        return None
    sentence, sentence_other = _sentence(one), _sentence(other)
    if sentence == sentence_other:  # they differ in a field that the words leave out
        sentence, sentence_other = _unsaid(one, other)
    return Difference(number, sentence, sentence_other, _actor(other) or _actor(one))


def _unsaid(one: Entry | None, other: Entry | None) -> tuple[str, str]:
    """Return the field in which two entries with the same sentence differ, and its values."""
    assert one is not None  # noqa: S101  what is not there does not read like an entry
    assert other is not None  # noqa: S101  likewise
    for mine, theirs in ((one.event, other.event), (one, other)):
        for field in mine.__struct_fields__:
            has, has_other = getattr(mine, field), getattr(theirs, field)
            if field != "event" and has != has_other:
                sentence, sentence_other = _around(repr(has), repr(has_other))
                return (
                    f"{_sentence(one)}, its {field} being {sentence}",
                    f"{field} {sentence_other}",
                )
    return repr(one), repr(other)


def _around(one: str, other: str) -> tuple[str, str]:
    """Return two texts around the place where they differ, if they are long."""
    both = zip(one, other, strict=False)
    parted = next((n for n, (mine, theirs) in enumerate(both) if mine != theirs), 0)
    begin = max(0, parted - _AROUND)
    cut = "..." if begin else ""
    shown = [cut + text[begin : parted + _AROUND] for text in (one, other)]
    return shown[0], shown[1]


def _actor(entry: Entry | None) -> str:
    return "" if entry is None else entry.worker


def _sentence(entry: Entry | None) -> str:
    return THE_END if entry is None else happened(entry.at, entry.worker, entry.event)


def first_difference(one: Trace, other: Trace) -> Difference | None:
    """Compare two runs event by event, then by outcome, then by digest."""
    longest = max(len(one.events), len(other.events))
    for number in range(longest):
        difference = difference_at(number, _at(one.events, number), _at(other.events, number))
        if difference is not None:
            return difference
    return unseen_difference(one, other)


def _at(events: Sequence[Entry], number: int) -> Entry | None:
    return events[number] if number < len(events) else None


def unseen_difference(one: Trace, other: Trace) -> Difference | None:
    """Compare outcomes, numbers of steps and digests, which no event shows."""
    number = len(one.events)
    ended, ended_other = _ended(one.outcome.failure), _ended(other.outcome.failure)
    if ended != ended_other:
        return Difference(number, ended, ended_other, "the run")
    if one.digest == other.digest:
        return None
    steps, steps_other = one.outcome.steps, other.outcome.steps
    if steps != steps_other:
        return Difference(number, f"{steps} steps", f"{steps_other} steps", "the run")
    what = "drawn randomness and clock readings with the digest"
    return Difference(number, f"{what} {one.digest}", f"{what} {other.digest}", "the run")


def reordered(one: Trace, other: Trace, number: int) -> bool:
    """Return whether two runs that differ at an event have the same events in another order.

    The order of a set has that effect: on the words of one event, or on the next few events.
    """
    mine, theirs = (
        [(e.worker, repr(e.event)) for e in _next(trace, number)] for trace in (one, other)
    )
    if not mine or not theirs:
        return False
    words, other_words = (Counter(_WORD.findall(" ".join(events[0]))) for events in (mine, theirs))
    if words == other_words:
        return mine[0] != theirs[0]
    count, other_count = Counter(mine[:1]), Counter(theirs[:1])
    for event, other_event in zip(mine[1:], theirs[1:], strict=False):
        count[event] += 1
        other_count[other_event] += 1
        if count == other_count:
            return True
    return False


def _next(trace: Trace, number: int) -> Sequence[Entry]:
    return trace.events[number : number + _REORDERED_MAX]


def _ended(failure: Failure | None) -> str:
    return (
        "a passed run" if failure is None else f"a failure with the signature {failure.signature}"
    )


def render_difference(one: Trace, other: Trace, names: tuple[str, str]) -> str:
    """Return where two runs differ, after the last events that they share."""
    difference = first_difference(one, other)
    if difference is None:
        return f"The runs are the same: {len(one.events)} events, digest {one.digest}\n"
    start = max(0, difference.number - CONTEXT)
    managers, others = Managers(one.events), Managers(other.events)
    events = enumerate(one.events[start : difference.number], start)
    shared = [managers.plain(render_line(*numbered)) for numbered in events]
    width = max(map(len, names))
    parted = [
        f"They differ from event {difference.number} (by {difference.actor}):",
        f"  {names[0]:<{width}}  has {managers.plain(difference.one)}",
        f"  {names[1]:<{width}}  has {others.plain(difference.other)}",
    ]
    return "\n".join([*shared, *parted]) + "\n"
