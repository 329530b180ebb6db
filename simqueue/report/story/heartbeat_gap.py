"""The heartbeat gap: how long an owner had sent no heartbeat when its job was taken over."""

from __future__ import annotations

from collections.abc import Sequence

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.log_index import Course, Passage
from simqueue.report.subjects import subjects_of
from simqueue.report.units import moment, span

_PICKS = (e.JobPicked, e.SchedulePicked)
_BEATS = (e.JobsBeat, e.SchedulesBeat)
_BEATING = ("update_heartbeat", "update_schedule_heartbeat")


def silent_since(entries: Sequence[Entry], number: int) -> int | None:
    """Return the last sign of life before an entry that takes over a job or a schedule.

    That is a heartbeat, or the pick if none came; None if the entry takes nothing over.
    """
    event = entries[number].event
    if not isinstance(event, _PICKS) or not event.stale:
        return None
    (subject,) = subjects_of(event)
    for before in range(number - 1, -1, -1):
        other = entries[before].event
        if isinstance(other, (*_PICKS, *_BEATS)) and subject in subjects_of(other):
            return before
    return None


def render_heartbeat_gap(course: Course, number: int) -> str:
    """Return how long the previous owner had been silent at a takeover; ``""`` at other entries.

    And whether a heartbeat was on its way, or none.
    """
    before = silent_since(course.entries, number)
    if before is None:
        return ""
    sign = course.entries[before]
    ago = span(course.entries[number].at - sign.at)
    under_way = _under_way(course, sign.worker, number)
    if isinstance(sign.event, _BEATS):
        return f" (its last heartbeat is #{before}, {ago} before{under_way})"
    return f" (no heartbeat since it was picked, {ago} before{under_way})"


def _under_way(course: Course, worker: str, number: int) -> str:
    """Return a worker's heartbeat that is sent and not executed at an entry, if there is one."""
    beats = [each for each in course.statements.values() if _is_pending(each, worker, number)]
    if not beats:
        return ""
    return f"; the one sent at {moment(beats[0].sent[1].at)} is not executed yet"


def _is_pending(passage: Passage, worker: str, number: int) -> bool:
    return (
        passage.worker == worker
        and passage.name in _BEATING
        and passage.sent[0] < number
        and (passage.ended is None or passage.ended[0] > number)
    )
