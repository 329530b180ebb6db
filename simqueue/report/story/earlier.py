"""Earlier disturbances: faults, errors and lost LISTENs before the part of a log that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.lines import render_line
from simqueue.report.log_index import Course, Numbered
from simqueue.report.story.timeline import say

_SHOWN = 12
"""How many lines are shown from the beginning, and how many from the end."""

_INDENT = " " * 11
_NOT_CALM = (
    e.ConnectionLost, e.ConnectionRefused, e.PoolExhausted, e.PoolServed, e.StatementFailed,
    e.WorkerCrashed, e.WorkerStopping, e.WorkerPaused, e.WorkerResumed, e.ClockSet, e.TasksLeaked,
    e.ErrorIgnored, e.TaskFailed, e.HandlerRaised, e.JobRetried, e.ServerCrashed,
    e.ServerRestarted, e.FaultStruck, e.Healed, e.InvariantBroken,
)  # fmt: skip


def render_earlier(
    course: Course, before: int, *, besides: Callable[[Entry], bool] = lambda entry: False
) -> str:
    """Return the disturbances before the entry ``before``, ``""`` if there are none.

    Args:
        course: the run.
        before: the number of the first entry that is shown anyway.
        besides: returns whether an entry is shown elsewhere.
    """
    lines = [
        render_line(*numbered, text)
        for numbered, text in _deviant(course)
        if numbered[0] < before and not besides(numbered[1])
    ]
    if not lines:
        return ""
    left = len(lines) - 2 * _SHOWN
    if left > 0:
        lines[_SHOWN:-_SHOWN] = [f"{_INDENT}... {left} more line{'s' if left > 1 else ''}"]
    return course.plain("\n".join(["Earlier disturbances:", *lines]))


def _deviant(course: Course) -> Iterator[tuple[Numbered, str]]:
    """Yield the entries of disturbances, and their sentences."""
    lost = {
        (entry.at, entry.event.connection)
        for entry in course.entries
        if isinstance(entry.event, e.ConnectionLost)
    }
    for number, entry in enumerate(course.entries):
        match entry.event:
            case e.Listening(connection, _, on=False) if (entry.at, connection) in lost:
                yield (number, entry), say(course, number) + _for_ever(course, number)
            case e.WorkerStarted(incarnation) if incarnation > 1:
                yield (number, entry), say(course, number)
            case e.WorkerExited(error) if error is not None:
                yield (number, entry), say(course, number)
            case e.JobPicked(stale=True) | e.SchedulePicked(stale=True):
                yield (number, entry), say(course, number)
            case event if isinstance(event, _NOT_CALM):
                yield (number, entry), say(course, number)


def _for_ever(course: Course, number: int) -> str:
    """Say of the end of a LISTEN that its worker does not listen on the channel again."""
    gone = course.entries[number]
    assert isinstance(gone.event, e.Listening)  # noqa: S101  as it was chosen
    for _, entry in course.since(number + 1):
        match entry.event:
            case e.Listening(_, channel) if (
                entry.event.on and entry.worker == gone.worker and channel == gone.event.channel
            ):
                return ""
            case e.WorkerStarted() if entry.worker == gone.worker:
                return ""
    return ", and does not listen again in this run"
