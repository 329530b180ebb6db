"""Involved: the jobs, schedules and workers that the end of a run is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.trace import Trace
from simqueue.report.course import Subject
from simqueue.report.meanwhile import subjects_of

_SUBJECTS_MAX = 5
_NAMED = re.compile(r"\b(job|schedule)s?:? (\d+)")
_WORD = re.compile(r"[\w./-]+")


@dataclass(frozen=True, slots=True)
class Involved:
    """Jobs and schedules, what matters most first, and the names of workers.

    They are ``certain`` if the failure names them, and not guessed.
    """

    subjects: tuple[Subject, ...] = ()
    workers: tuple[str, ...] = ()
    certain: bool = False

    def concerns(self, entry: Entry) -> bool:
        """Return whether an entry is about one of the jobs and schedules."""
        return not subjects_of(entry.event).isdisjoint(self.subjects)


def involved_in(trace: Trace) -> Involved:
    """Return who a failure is about; nobody, if the run passed."""
    failure = trace.outcome.failure
    if failure is None:
        return Involved()
    raised = _raised(trace)
    told = _judged(trace, failure) or _named(failure)
    if not told and raised is not None and raised.error == failure.message:
        told = tuple(subjects_of(raised))
    subjects = told or (() if raised is None else tuple(subjects_of(raised)))
    workers = tuple(dict.fromkeys(_workers(trace, failure, subjects)))
    return Involved(subjects, workers, bool(told))


def _judged(trace: Trace, failure: Failure) -> tuple[Subject, ...]:
    """Return what the broken invariant itself says that it is about."""
    for entry in reversed(trace.events):
        event = entry.event
        if isinstance(event, e.InvariantBroken) and event.signature == failure.signature:
            jobs: list[Subject] = [("job", job) for job in event.job_ids]
            schedules: list[Subject] = [("schedule", each) for each in event.schedule_ids]
            return tuple(jobs + schedules)[:_SUBJECTS_MAX]
    return ()


def _named(failure: Failure) -> tuple[Subject, ...]:
    found = dict.fromkeys(_NAMED.findall(failure.message))
    return tuple((noun, int(number)) for noun, number in found)[:_SUBJECTS_MAX]


def _raised(trace: Trace) -> e.HandlerRaised | None:
    """Return the last that a handler raised."""
    raised = (each.event for each in reversed(trace.events))
    return next((event for event in raised if isinstance(event, e.HandlerRaised)), None)


def _workers(trace: Trace, failure: Failure, subjects: tuple[Subject, ...]) -> Iterator[str]:
    """Yield the workers that the message names, and those that had the jobs and schedules."""
    started = {each.worker for each in trace.events if isinstance(each.event, e.WorkerStarted)}
    yield from (word for word in _WORD.findall(failure.message) if word in started)
    for entry in trace.events:
        held = isinstance(entry.event, (e.JobPicked, e.SchedulePicked))
        if held and entry.worker in started and subjects_of(entry.event) & set(subjects):
            yield entry.worker
