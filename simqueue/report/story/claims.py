"""Claims: failures of a scenario's own checks, ``sim.always`` and ``sim.eventually``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.ids import MICROSECONDS
from simqueue.report.log_index import Subject
from simqueue.report.subjects import subjects_of
from simqueue.report.units import moment

_OVERDUE = re.compile(r"did not come true within ([\d.e+]+) s \(asked for at \+([\d.]+)s\)")
_LAST = 5
"""How many jobs and schedules are reported if none is in progress."""
_OPENED = (e.JobEnqueued, e.JobPicked, e.JobRetried, e.JobRequeued, e.SchedulePicked)
_CLOSED = (e.JobLogged, e.JobDeleted, e.ScheduleReleased, e.ScheduleDeleted)


def is_claim(failure: Failure) -> bool:
    """Return whether a failure is of a check of the scenario's own."""
    return failure.kind == "invariant" and not failure.expected


def claim_words(failure: Failure, entries: Sequence[Entry]) -> str:
    """Return the name of a failed check, and when it should have held."""
    broken = [entry for entry in entries if isinstance(entry.event, e.InvariantBroken)]
    at = moment(broken[-1].at) if broken else "the end"
    overdue = _OVERDUE.search(failure.message)
    if overdue is None:
        return f"{failure.where!r}, which does not hold at {at}"
    made = round(float(overdue[2]) * MICROSECONDS)
    due = made + round(float(overdue[1]) * MICROSECONDS)
    late = f", judged at {at}" if at != moment(due) else ""
    return f"{failure.where!r}, asked for at {moment(made)} and due at {moment(due)}{late}"


def subjects_around(entries: Sequence[Entry]) -> tuple[Subject, ...]:
    """Return the jobs and schedules in progress at a run's end; if there are none, the last few."""
    seen, opened = dict[Subject, None](), dict[Subject, None]()
    for entry in entries:
        for subject in _touched(entry):
            seen.pop(subject, None)
            seen[subject] = None
            if isinstance(entry.event, _CLOSED):
                opened.pop(subject, None)
            else:
                opened.setdefault(subject)
    return tuple(opened) or tuple(sorted(list(seen)[-_LAST:]))


def _touched(entry: Entry) -> Iterator[Subject]:
    if isinstance(entry.event, (*_OPENED, *_CLOSED)):
        yield from subjects_of(entry.event)
