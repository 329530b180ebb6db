"""Lines of an event log, the routine among them folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.words import moment, words

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
"""What goes on all the time and seldom tells anything: heartbeats, reads, messages under way."""

_HEALTH_CHECK = "health_check_event"

_INDENT = " " * 11


def render_line(number: int, entry: Entry) -> str:
    """Return one entry as one line: number, time, who, what."""
    said = words(entry.event).replace("\n", "\n" + _INDENT)
    return f"{'#' + str(number):>8} {moment(entry.at):>13}  {entry.worker} {said}"


def is_routine(event: e.AnyEvent) -> bool:
    """Return whether an event is folded where it is not asked for."""
    match event:
        case e.NotificationSent(_, payload):
            return _HEALTH_CHECK in payload
        case e.ScenarioChose(name):
            return name == "random"
        case _:
            return isinstance(event, ROUTINE)


def render_lines(entries: Iterable[Numbered], *, last: int | None = None) -> list[str]:
    """Return a line for each entry, runs of routine folded to one; the ``last`` lines, or all."""
    lines = list(_folded(entries))
    if last is None or len(lines) <= last:
        return lines
    return [f"{_INDENT}... {len(lines) - last} earlier lines", *lines[-last:]]


def _folded(entries: Iterable[Numbered]) -> Iterator[str]:
    routine = 0
    for number, entry in entries:
        if is_routine(entry.event):
            routine += 1
            continue
        if routine:
            yield _fold(routine)
            routine = 0
        yield render_line(number, entry)
    if routine:
        yield _fold(routine)


def _fold(count: int) -> str:
    return f"{_INDENT}... {count} routine event{'s' if count > 1 else ''}"


def concerns(event: e.AnyEvent, *, job: int | None = None, schedule: int | None = None) -> bool:
    """Return whether an event is about that job or that schedule."""
    return _names(event, "job_id", job) or _names(event, "schedule_id", schedule)


def _names(event: e.AnyEvent, field: str, wanted: int | None) -> bool:
    if wanted is None:
        return False
    return getattr(event, field, None) == wanted or wanted in getattr(event, f"{field}s", ())
