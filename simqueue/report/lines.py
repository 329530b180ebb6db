"""Lines of an event log, the routine among them folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.units import moment
from simqueue.report.words import words

Numbered = tuple[int, Entry]
"""An entry and its number in the log."""

ROUTINE = (
    e.JobsBeat,
    e.SchedulesBeat,
    e.StatementSent,
    e.StatementCommitted,
    e.StatementReplied,
    e.TableChanged,
    e.NotificationDelivered,
)
"""Routine events: heartbeats, reads, messages under way."""

_BEATS = (e.JobsBeat, e.SchedulesBeat)
_RANGE_MIN = 2
_HEALTH_CHECK = "health_check_event"

_INDENT = " " * 11


def render_line(number: int, entry: Entry, text: str | None = None) -> str:
    """Return one entry as one line: number, time, actor, sentence."""
    text = (words(entry.event) if text is None else text).replace("\n", "\n" + _INDENT)
    return f"{numbered(number, entry)}  {entry.worker} {text}"


def numbered(number: int, entry: Entry) -> str:
    """Return the begin of an entry's line: its number and its time."""
    return f"{'#' + str(number):>8} {moment(entry.at):>13}"


def is_routine(event: e.AnyEvent) -> bool:
    """Return whether an event is folded unless it is asked for."""
    match event:  # partial: most events do not matter here
        case e.NotificationSent(_, payload):
            return _HEALTH_CHECK in payload
        case e.ScenarioChose(name):
            return name == "random"
        case _:
            return isinstance(event, ROUTINE)


def render_lines(
    entries: Iterable[Numbered],
    *,
    last: int | None = None,
    say: Callable[[int], str] | None = None,
) -> list[str]:
    """Return lines of entries; jobs with the same event share a line, as consecutive routine does.

    Args:
        entries: of the log.
        last: the number of lines from the end, or all.
        say: returns the words for an entry, by its number.
    """
    lines = list(_folded(entries, say))
    if last is None or len(lines) <= last:
        return lines
    left = len(lines) - last
    return [f"{_INDENT}... {left} earlier line{'s' if left > 1 else ''}", *lines[-last:]]


def _folded(entries: Iterable[Numbered], say: Callable[[int], str] | None) -> Iterator[str]:
    for routine, group in groupby(entries, key=lambda each: is_routine(each[1].event)):
        if routine:
            yield _fold(list(group))
            continue
        described = [(each, say(each[0]) if say else words(each[1].event)) for each in group]
        for _, same in groupby(described, key=_line_key):
            yield _together(list(same))


def _fold(routine: list[Numbered]) -> str:
    """Return a line that counts routine events; for heartbeats alone, with the last one's time."""
    beats = all(isinstance(entry.event, _BEATS) for _, entry in routine)
    noun = "heartbeat" if beats else "routine event"
    count = f"{_INDENT}... {len(routine)} {noun}{'s' if len(routine) > 1 else ''}"
    if not beats:
        return count
    return f"{count}, {'the last ' if len(routine) > 1 else ''}at {moment(routine[-1][1].at)}"


# --- jobs with the same event in one instant ---

_Described = tuple[Numbered, str]
"""An entry and its sentence."""

_JOB = re.compile(r"\bjob (\d{1,19})\b")


def _line_key(described: _Described) -> tuple[object, ...]:
    """Return a key that is the same for entries that share a line.

    Those are entries that differ only in the number of the one job named, and repeated blocks of a
    loop.
    """
    (number, entry), text = described
    if isinstance(entry.event, e.LoopBlocked):
        return (entry.worker, _JOB.sub("", text))
    jobs = _JOB.findall(text)
    return (entry.at, entry.worker, _JOB.sub("", text)) if len(jobs) == 1 else (number,)


def _together(described: list[_Described]) -> str:
    (number, entry), text = described[0]
    if len(described) > 1 and isinstance(entry.event, e.LoopBlocked):
        last = described[-1][0][1]
        over = moment(last.at + getattr(last.event, "duration", 0))
        text = f"{text}, and {len(described) - 1} more times until {over}"
    elif len(described) > 1:
        jobs = [int(_JOB.findall(each)[0]) for _, each in described]
        text = _JOB.sub(f"jobs {_numbers(jobs)}", text)
    return render_line(number, entry, text)


def _numbers(numbers: list[int]) -> str:
    """Return numbers as they are counted: ``3 to 7``, or one by one."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > _RANGE_MIN and numbers == list(range(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, numbers))


def concerns(event: e.AnyEvent, *, job: int | None = None, schedule: int | None = None) -> bool:
    """Return whether an event is about a job or a schedule."""
    return _names(event, "job_id", job) or _names(event, "schedule_id", schedule)


def _names(event: e.AnyEvent, field: str, wanted: int | None) -> bool:
    if wanted is None:
        return False
    return getattr(event, field, None) == wanted or wanted in getattr(event, f"{field}s", ())
