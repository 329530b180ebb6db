"""The stale view: changes between a statement's sending and its effect."""

from __future__ import annotations

from bisect import bisect_left

from simqueue.model import events as e
from simqueue.report.lines import is_routine
from simqueue.report.log_index import Course, Passage, Subject
from simqueue.report.subjects import subjects_of
from simqueue.report.units import moment


def render_stale_view(course: Course, number: int) -> str:
    """Return the event between a statement's sending and its change of an entry, else ``""``.

    What it changes fell due, or others changed it; or it commits late, so that others which were
    executed meanwhile did not see it.
    """
    entry = course.entries[number]
    passage, subjects = course.passage_of(entry), frozenset(subjects_of(entry.event))
    if passage is None or not subjects or not isinstance(entry.event, e.StoreEvent):
        return ""
    fell_due = _fell_due(course, passage, subjects, entry.at)
    since = moment(passage.sent[1].at)
    if fell_due:
        return f" (sent at {since}, before {fell_due})"
    overtook = _overtook(course, passage, subjects, number)
    if overtook is not None:
        return f" (sent at {since}, before #{overtook})"
    executed = entry.at if passage.executed is None else passage.executed[1].at
    if executed < entry.at:
        return f" (executed at {moment(executed)}, which no other client saw before now)"
    return ""


def _fell_due(course: Course, passage: Passage, subjects: frozenset[Subject], until: int) -> str:
    sent, since = passage.sent[0], passage.sent[1].at
    first = bisect_left(course.promised, (since + 1,))
    for at, said_by, noun, whose in course.promised[first:]:
        if at > until:
            break
        if (noun, whose) in subjects and said_by < sent:
            return f"{'its tick' if noun == 'schedule' else 'it was due'} at {moment(at)}"
    return ""


def _overtook(
    course: Course, passage: Passage, subjects: frozenset[Subject], number: int
) -> int | None:
    """Return the first change of the same row by another statement since this one was sent."""
    for between in range(passage.sent[0] + 1, number):
        other = course.entries[between]
        if not isinstance(other.event, e.StoreEvent) or is_routine(other.event):
            continue
        same = not subjects.isdisjoint(subjects_of(other.event))
        if same and course.passage_of(other) is not passage:
            return between
    return None
