"""An account: what became of those whom a failure is about, and what befell their workers."""

from __future__ import annotations

from bisect import bisect_left

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.course import Course, Passage
from simqueue.report.deeds import listed
from simqueue.report.involved import Involved
from simqueue.report.lines import is_routine, render_line, render_lines
from simqueue.report.meanwhile import subjects_of
from simqueue.report.words import SCHEMA_CHECKS, moment, statement_words, words

_LINES_MAX = 30
_DOINGS_TOLD = 10
_ROUTINE_STATEMENTS = frozenset(SCHEMA_CHECKS) | {"notify", "listen", "unlisten", "connect"}
_SERIOUS = ("warning", "error", "critical")

_BEFELL = (
    e.WorkerStopping, e.WorkerExited, e.WorkerCrashed, e.WorkerPaused, e.WorkerResumed, e.ClockSet,
    e.TasksLeaked, e.ErrorIgnored, e.TaskFailed, e.LoopBlocked, e.ConnectionLost,
    e.ConnectionRefused, e.StatementFailed, e.FaultStruck, e.InvariantBroken,
)  # fmt: skip
"""What happens to workers, and matters to what they have in hand."""

_BEFELL_ALL = (e.ServerCrashed, e.ServerRestarted, e.Healed)


def render_account(course: Course, trace: Trace, involved: Involved) -> str:
    """Tell in one line of time how it came about; ``""`` if nobody is involved."""
    told = [each for each in enumerate(trace.events) if matters(each[1], involved)]
    if not told:
        return ""
    names = [course.label(*subject) for subject in involved.subjects] + list(involved.workers)
    title = f"How it came about ({listed(names)}):" if names else "How it came about:"
    lines = render_lines(told, last=_LINES_MAX, say=lambda number: say(course, number))
    return course.plain("\n".join([title, *lines]))


def say(course: Course, number: int) -> str:
    """Tell an entry; what is said elsewhere is how an invariant broke."""
    event = course.entries[number].event
    if isinstance(event, e.InvariantBroken):
        return f"breaks {event.name}"
    return words(event) + _belated(course, number)


def matters(entry: Entry, involved: Involved) -> bool:
    """Return whether an entry is about those involved, or about what befell their workers."""
    event = entry.event
    if involved.concerns(entry) or isinstance(event, _BEFELL_ALL):
        return True
    if entry.worker not in involved.workers:
        return isinstance(event, (e.InvariantBroken, e.FaultStruck))
    match event:
        case e.LogLine(_, level):
            return level in _SERIOUS
        case e.WorkerStarted(incarnation):
            return incarnation > 1
        case _:
            return isinstance(event, _BEFELL)


# --- what who sent a statement did not know ---


def _belated(course: Course, number: int) -> str:
    """Say when a change's statement was sent, if what it is about changed before it was executed.

    Other statements changed it, or it fell due.
    """
    entry = course.entries[number]
    passage = course.passage_of(entry)
    subjects = subjects_of(entry.event)
    if passage is None or not subjects or not isinstance(entry.event, e.StoreEvent):
        return ""
    sent, _ = passage.sent
    since = course.entries[sent].at
    for at, said_by, noun, whose in course.promised[bisect_left(course.promised, (since + 1,)) :]:
        if at > entry.at:
            break
        if (noun, whose) in subjects and said_by < sent:
            return f" (sent at {moment(since)}, before {_due(noun)} at {moment(at)})"
    for between in range(sent + 1, number):
        other = course.entries[between]
        if _changes(other) and not subjects.isdisjoint(subjects_of(other.event)):
            if course.passage_of(other) is passage:
                continue
            return f" (sent at {moment(since)}, before #{between})"
    return ""


def _due(noun: str) -> str:
    return "its tick" if noun == "schedule" else "it was due"


def _changes(entry: Entry) -> bool:
    return isinstance(entry.event, e.StoreEvent) and not is_routine(entry.event)


# --- what the workers did ---


def render_doings(course: Course, involved: Involved) -> str:
    """Tell what the workers involved last asked of the server and heard from it."""
    done = [
        said for number in range(len(course.entries)) if (said := _doing(course, number, involved))
    ]
    if not done:
        return ""
    title = f"What {listed(list(involved.workers))} last said and heard:"
    return course.plain("\n".join([title, *done[-_DOINGS_TOLD:]]))


def _doing(course: Course, number: int, involved: Involved) -> str:
    entry = course.entries[number]
    if entry.worker not in involved.workers:
        return ""
    match entry.event:
        case e.StatementSent(statement, _, name) if name not in _ROUTINE_STATEMENTS:
            passage = course.statements[statement]
            return render_line(number, entry, f"sends its {statement_words(name)}{_fate(passage)}")
        case e.NotificationDelivered(_, sent) if isinstance(
            course.entries[sent].event, e.TableChanged
        ):
            return render_line(number, entry, course.clause(entry))
        case _:
            return ""


def _fate(passage: Passage) -> str:
    """Say what became of a statement."""
    if passage.ended is None:
        return ", which is not executed when the run ends"
    said = f", executed at {moment(passage.ended[1].at)}"
    said += f": {passage.result}" if passage.result else ""
    return said if passage.replied else f"{said}; it has no reply when the run ends"
