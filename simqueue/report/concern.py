"""Concern: whom a failure is about, by what it says and by the event at which it was noticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.course import Course, Subject
from simqueue.report.meanwhile import subjects_of

_NUMBERS = r"(\d+(?:, \d+)*)"
_NUMBERED = re.compile(rf"\b(job|schedule)s? {_NUMBERS}")
_LISTED = re.compile(rf"\b(job|schedule)\(s\)[^:]*: {_NUMBERS}")
_PICKED = re.compile(rf"\bof its (job)s were picked \({_NUMBERS}\)")
_CALLED = re.compile(r"\bschedule '([^']+)'")

_ALWAYS = (
    e.FaultStruck, e.ServerRestarted, e.ServerCrashed, e.InvariantBroken, e.TaskFailed,
    e.ErrorIgnored, e.Healed,
)  # fmt: skip
_OF_A_WORKER = (
    e.WorkerStarted, e.WorkerStopping, e.WorkerExited, e.WorkerCrashed, e.WorkerPaused,
    e.WorkerResumed, e.ClockSet, e.TasksLeaked, e.LoopBlocked, e.ConnectionLost,
    e.ConnectionRefused, e.StatementFailed,
)  # fmt: skip
_BY_THE_WAY = (e.JobsBeat, e.SchedulesBeat, e.IdsBurned)


@dataclass(frozen=True, slots=True)
class Concern:
    """The jobs and schedules, and the workers, that a failure is about; none is everybody."""

    subjects: frozenset[Subject]
    workers: frozenset[str]

    def is_about(self, entry: Entry) -> bool:
        """Return whether an entry tells of them, or of what befell all."""
        event = entry.event
        if isinstance(event, _ALWAYS):
            return True
        if isinstance(event, _OF_A_WORKER):
            return entry.worker in self.workers or not self.workers
        if isinstance(event, _BY_THE_WAY):
            return False
        return bool(subjects_of(event) & self.subjects)


def concern_of(trace: Trace) -> Concern:
    """Return whom the failure of a run is about; nobody if it passed."""
    failure = trace.outcome.failure
    if failure is None:
        return Concern(frozenset(), frozenset())
    course = Course(trace.events)
    found = {*_named(failure.message, course), *_noticed(trace)} or _in_trouble(trace)
    workers = {entry.worker for entry in trace.events if isinstance(entry.event, e.WorkerStarted)}
    named = {each for each in workers if re.search(rf"\b{re.escape(each)}\b", failure.message)}
    return Concern(frozenset(found), frozenset(named))


def _named(message: str, course: Course) -> Iterator[Subject]:
    for pattern in (_NUMBERED, _LISTED, _PICKED):
        for noun, numbers in pattern.findall(message):
            yield from ((noun, int(number)) for number in numbers.split(", "))
    for name in _CALLED.findall(message):
        yield from course.called("schedule", name)


def _noticed(trace: Trace) -> frozenset[Subject]:
    """Return whom the event is about at which it was noticed that an invariant is broken."""
    for entry in reversed(trace.events):
        if isinstance(entry.event, e.InvariantBroken):
            return (
                frozenset() if entry.cause is None else subjects_of(trace.events[entry.cause].event)
            )
    return frozenset()


def _in_trouble(trace: Trace) -> set[Subject]:
    """Return whose handler raised last."""
    for entry in reversed(trace.events):
        if isinstance(entry.event, e.HandlerRaised):
            return set(subjects_of(entry.event))
    return set()
