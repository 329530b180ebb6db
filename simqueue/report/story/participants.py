"""Participants: the jobs, schedules and workers that the end of a run is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.trace import Trace
from simqueue.report.log_index import Subject
from simqueue.report.story.claims import is_claim, subjects_around
from simqueue.report.subjects import subjects_in, subjects_of

_SUBJECTS_MAX = 5
_WORD = re.compile(r"[\w./-]+")


@dataclass(frozen=True, slots=True)
class Involved:
    """Jobs and schedules, what matters most first, and the names of workers.

    They are ``certain`` if the failure names them, and not guessed; ``left`` says how many more it
    names.
    """

    subjects: tuple[Subject, ...] = ()
    workers: tuple[str, ...] = ()
    certain: bool = False
    left: int = 0

    def concerns(self, entry: Entry) -> bool:
        """Return whether an entry is about one of the jobs and schedules."""
        if not self.subjects:
            return False
        return any(subject in self.subjects for subject in subjects_of(entry.event))


def involved_in(trace: Trace) -> Involved:
    """Return the participants of a failure; none if the run passed."""
    failure = trace.outcome.failure
    if failure is None:
        return Involved()
    raised = _raised(trace)
    known = _judged(trace, failure) or tuple(subjects_in(failure.message))
    if not known and raised is not None and raised.error == failure.message:
        known = tuple(subjects_of(raised))
    subjects = known or _guessed(trace, failure, raised)
    workers = tuple(dict.fromkeys(_workers(trace, failure, subjects)))
    told_of = subjects[:_SUBJECTS_MAX]
    return Involved(told_of, workers, bool(known), len(subjects) - len(told_of))


def _guessed(trace: Trace, failure: Failure, raised: e.HandlerRaised | None) -> tuple[Subject, ...]:
    """Return the likely subjects of a failure that names neither jobs nor schedules."""
    if is_claim(failure):
        return subjects_around(trace.events)
    return () if raised is None else tuple(subjects_of(raised))


def _judged(trace: Trace, failure: Failure) -> tuple[Subject, ...]:
    """Return the subjects that the violation of an invariant names."""
    for entry in reversed(trace.events):
        event = entry.event
        if isinstance(event, e.InvariantBroken) and event.signature == failure.signature:
            jobs: list[Subject] = [("job", job) for job in event.job_ids]
            schedules: list[Subject] = [("schedule", each) for each in event.schedule_ids]
            return tuple(jobs + schedules)
    return ()


def _raised(trace: Trace) -> e.HandlerRaised | None:
    """Return the last error that a handler raised."""
    raised = (each.event for each in reversed(trace.events))
    return next((event for event in raised if isinstance(event, e.HandlerRaised)), None)


def _workers(trace: Trace, failure: Failure, subjects: tuple[Subject, ...]) -> Iterator[str]:
    """Yield the workers that the message names, and those that had the jobs and schedules."""
    started = {each.worker for each in trace.events if isinstance(each.event, e.WorkerStarted)}
    yield from (word for word in _WORD.findall(failure.message) if word in started)
    if is_claim(failure):
        yield from (each.worker for each in trace.events if isinstance(each.event, e.WorkerStarted))
    for entry in trace.events:
        held = isinstance(entry.event, (e.JobPicked, e.SchedulePicked))
        if (
            held
            and entry.worker in started
            and not set(subjects).isdisjoint(subjects_of(entry.event))
        ):
            yield entry.worker
