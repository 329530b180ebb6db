"""A run's story: how it ended, what it deviated in, and what happened to those involved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from simqueue.model import events as e
from simqueue.model.choice import kind_of
from simqueue.model.failure import Failure
from simqueue.model.trace import Trace
from simqueue.report.course import Subject
from simqueue.report.deviations import render_deviations
from simqueue.report.lines import Numbered, concerns, render_line, render_lines
from simqueue.report.words import moment

TAIL = 40
DEVIATIONS_TOLD = 15
_TOO_MANY = "Most of them have no part in the failure: `simqueue shrink` leaves those that do."
_INVOLVED_MAX = 3
_EVENTS_OF_EACH = 12
_NAMED = re.compile(r"\b(job|schedule)s?:? (\d+)")
_FRAME = re.compile(r'  File "')
_NOT_THE_USERS = re.compile(r'  File "(?:<|(?:\./)?simqueue/|python/|site-packages/|prefix/)')


def render_story(
    trace: Trace, *, job: int | None = None, again: str | None = None, tail: int = TAIL
) -> str:
    """Tell what happened in a run.

    Args:
        trace: of the run.
        job: tell everything about this job instead of the end of the log.
        again: the command that makes the run happen once more; the story's last line.
        tail: how many lines of the end of the log are told.
    """
    parts = [_header(trace), _outcome(trace), _deviations(trace)]
    if job is not None:
        parts.append(_history(trace, "job", job, None))
    else:
        parts += _involved(trace)
        parts.append(_tail(trace, tail))
    if again is not None:
        parts.append(f"Again: {again}")
    return "\n\n".join(part for part in parts if part) + "\n"


def render_headline(trace: Trace) -> str:
    """Say in one line what ran, from which seed, and how it ended."""
    failure = trace.outcome.failure
    named = f"{trace.target or 'a scenario'}, seed {trace.seed}"
    if failure is None:
        return f"passed: {named}"
    return f"FAILED: {named}: {failure.kind}: {failure.message.splitlines()[0]}"


def _header(trace: Trace) -> str:
    versions = f"simqueue {trace.simqueue}, pgqueuer {trace.pgqueuer}, Python {trace.python}"
    return f"{trace.target or 'a scenario'}, seed {trace.seed}\n{versions}"


def _outcome(trace: Trace) -> str:
    outcome, failure = trace.outcome, trace.outcome.failure
    time = f"{moment(outcome.simulated)} simulated"
    size = f"{time}, {outcome.steps} steps, {len(trace.events)} events"
    if failure is None:
        return f"Passed: {size}"
    lines = [f"Failed: {failure.kind}: {failure.message}", f"at {failure.where}", f"({size})"]
    return "\n".join([*lines, *_user_frames(failure)])


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


def _deviations(trace: Trace) -> str:
    """Explain the choices that were not 0 if they are few, else count them by kind."""
    counts = Counter(kind_of(choice.key) for choice in trace.choices)
    if not counts:
        return "Deviations from calm: none" + ("" if trace.outcome.passed else "; it fails even so")
    total = f"Deviations from calm: {counts.total()}"
    if counts.total() <= DEVIATIONS_TOLD:
        return "\n".join([total, *render_deviations(trace, _named(trace.outcome.failure))])
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    hint = "" if trace.outcome.passed else f"\n{_TOO_MANY}"
    return f"{total} ({kinds}){hint}"


def _named(failure: Failure | None) -> frozenset[Subject]:
    """Return the jobs and schedules that a failure is about."""
    found = [] if failure is None else _NAMED.findall(failure.message)
    return frozenset((noun, int(number)) for noun, number in found)


def _involved(trace: Trace) -> Iterator[str]:
    failure = trace.outcome.failure
    if failure is None:
        return
    found = dict.fromkeys(_NAMED.findall(failure.message)) or _last_in_trouble(trace)
    for noun, number in list(found)[:_INVOLVED_MAX]:
        yield _history(trace, noun, int(number), _EVENTS_OF_EACH)


def _last_in_trouble(trace: Trace) -> dict[tuple[str, str], None]:
    for entry in reversed(trace.events):
        event = entry.event
        if isinstance(event, e.HandlerRaised):
            if event.job_id is not None:
                return {("job", str(event.job_id)): None}
            return {("schedule", str(event.schedule_id)): None}
    return {}


def _history(trace: Trace, noun: str, number: int, last: int | None) -> str:
    entries = [
        numbered
        for numbered in enumerate(trace.events)
        if concerns(numbered[1].event, **{noun: number})
    ]
    if not entries:
        return f"No event names {noun} {number}."
    return "\n".join([f"What happened to {noun} {number}:", *_told(entries, last)])


def _told(entries: list[Numbered], last: int | None) -> list[str]:
    if last is not None:
        return render_lines(entries, last=last)
    return [render_line(number, entry) for number, entry in entries]


def _tail(trace: Trace, tail: int) -> str:
    if not trace.events:
        return "Nothing happened."
    lines = render_lines(enumerate(trace.events), last=tail)
    return "\n".join(["The last that happened:", *lines])
