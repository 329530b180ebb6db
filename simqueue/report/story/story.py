"""A run's story: how it ended, what it deviated in, and what happened to those involved."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator

from simqueue.model.choice_key import word_of
from simqueue.model.events import Entry, HandlerRaised
from simqueue.model.failure import Failure
from simqueue.model.trace import Trace
from simqueue.report.choices.explain_choices import render_deviations
from simqueue.report.lines import render_lines
from simqueue.report.log_index import Course
from simqueue.report.printable import printable
from simqueue.report.story.earlier import render_earlier
from simqueue.report.story.last_actions import render_last_actions
from simqueue.report.story.participants import Involved, involved_in
from simqueue.report.story.timeline import matters, render_timeline
from simqueue.report.units import moment

TAIL = 40
DEVIATIONS_SHOWN = 15
_TOO_MANY = "Most of them play no part in the failure: `simqueue shrink` keeps only those that do."
_NUMBER = re.compile(r" *#(\d+) ")
_FRAME = re.compile(r'  File "')
_NOT_THE_USERS = re.compile(r'  File "(?:<|(?:\./)?simqueue/|python/|site-packages/|prefix/)')


def render_story(
    trace: Trace, *, again: str | None = None, tail: int = TAIL, course: Course | None = None
) -> str:
    """Return what happened in a run, in words.

    Args:
        trace: of the run.
        again: the command that repeats the run; the story's last line.
        tail: how many lines of the end of the log are shown if the failure names no subject.
        course: the index of the trace's log, if the caller has one.
    """
    course, involved = course or Course(trace.events), involved_in(trace)
    account = render_timeline(course, trace, involved)
    parts = [_header(trace), _outcome(trace), _deviations(trace, involved), account]
    parts.append(render_last_actions(course, involved))
    if not account or not involved.certain:
        end = render_lines(enumerate(trace.events), last=tail)
        first = _first_number(end, len(trace.events))
        parts.append(_earlier(course, trace, first, involved if account else Involved()))
        parts.append(_tail(course, end))
    elif _is_seen_from_outside(trace):
        parts.append(_earlier(course, trace, len(trace.events), involved))
    parts.append("\n".join(_pointers(trace, again)))
    return printable("\n\n".join(part for part in parts if part) + "\n")


def _pointers(trace: Trace, again: str | None) -> Iterator[str]:
    """Yield further commands: the one that explains the failure, and the one that repeats it."""
    failure = trace.outcome.failure
    if failure is not None:
        yield f"More: simqueue explain {shlex.quote(failure.explained_as)}"
    if again is not None:
        yield f"Again: {again}"


def render_headline(trace: Trace) -> str:
    """Return a line with the target, the seed and how the run ended."""
    failure = trace.outcome.failure
    named = f"{trace.target or 'a scenario'}, seed {trace.seed}"
    if failure is None:
        return f"passed: {named}"
    return f"FAILED: {named}: {failure.kind}: {_first_line(failure.message)}"


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")


def _header(trace: Trace) -> str:
    versions = f"simqueue {trace.simqueue}, pgqueuer {trace.pgqueuer}, Python {trace.python}"
    return f"{trace.target or 'a scenario'}, seed {trace.seed}\n{versions}"


def _outcome(trace: Trace) -> str:
    outcome, failure = trace.outcome, trace.outcome.failure
    time = f"{moment(outcome.simulated)} simulated"
    size = f"{time}, {outcome.steps} steps, {len(trace.events)} events"
    if failure is None:
        return f"Passed: {size}"
    return "\n".join([*_failed(failure), f"({size})", *_user_frames(failure)])


def _failed(failure: Failure) -> Iterator[str]:
    """Yield what was expected, what happened instead, and the line of the user's code."""
    kind = failure.where if failure.kind == "invariant" else failure.kind
    if failure.expected:
        yield f"Expected: {failure.expected}"
    yield f"Failed: {kind}: {failure.message}"
    if failure.kind != "invariant":
        yield f"at {failure.where}"


def _user_frames(failure: Failure) -> Iterator[str]:
    """Yield the traceback's lines without the frames of simqueue, pgqueuer and the library."""
    ours = False
    for line in failure.traceback.splitlines():
        if _FRAME.match(line):
            ours = _NOT_THE_USERS.match(line) is not None
        elif not line.startswith("    "):
            ours = False
        if not ours:
            yield line


def _deviations(trace: Trace, involved: Involved) -> str:
    """Explain the deviations if they are few, else count them by kind."""
    counts = Counter(word_of(choice.key).text for choice in trace.choices)
    if not counts:
        return "Deviations from calm: none" + (
            "" if trace.outcome.passed else "; it fails without any"
        )
    total = f"Deviations from calm: {counts.total()}"
    if counts.total() <= DEVIATIONS_SHOWN:
        total = f"{total} (where this run differs from an undisturbed one)"
        return "\n".join([total, *render_deviations(trace, frozenset(involved.subjects))])
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    hint = "" if trace.outcome.passed else f"\n{_TOO_MANY}"
    return f"{total} ({kinds}){hint}"


def _tail(course: Course, lines: list[str]) -> str:
    """Return the end of the log."""
    title = "The last events:" if lines else "No event was recorded."
    return course.plain("\n".join([title, *lines]))


def _earlier(course: Course, trace: Trace, before: int, involved: Involved) -> str:
    """Return the disturbances before an entry that the timeline does not show."""
    if trace.outcome.failure is None:
        return ""

    def shown_later(entry: Entry) -> bool:
        return bool(involved.workers or involved.subjects) and matters(entry, involved)

    return render_earlier(course, before, besides=shown_later)


def _is_seen_from_outside(trace: Trace) -> bool:
    """Return whether a failure is an error of the scenario's, and not one that a handler raised."""
    failure = trace.outcome.failure
    if failure is None or failure.kind not in {"exception", "timeout"}:
        return False
    raised = (each.event for each in trace.events if isinstance(each.event, HandlerRaised))
    return all(event.error != failure.message for event in raised)


def _first_number(lines: list[str], entries: int) -> int:
    """Return the number of the first entry that lines show; ``entries`` if they show none."""
    numbers = (number[1] for number in map(_NUMBER.match, lines) if number is not None)
    return int(next(numbers, entries))
