"""Coverage: which states of the queue a run has come to, as numbers that runs can share."""

from __future__ import annotations

from binascii import crc32
from collections import Counter, defaultdict

from simqueue.model import events as e
from simqueue.model.events import AnyEvent, Entry
from simqueue.sim.run import Run

_GRAM = 3
"""So many things that befell one job or schedule, one after another, are a state."""

_MANY = 2
"""How many jobs of a status are told apart: none, one, or more."""

_STATUS_AFTER: dict[type, str] = {
    e.JobEnqueued: "queued",
    e.JobPicked: "picked",
    e.JobRequeued: "queued",
    e.JobRetried: "queued",
}
Subject = tuple[str, int]
"""``"job"`` or ``"schedule"``, and its id."""

_UPHEAVALS = (e.FaultStruck, e.WorkerCrashed, e.WorkerExited)
_ENDS = (e.JobLogged, e.JobDeleted)


def coverage(run: Run) -> frozenset[int]:
    """Return what a run has come to: sequences in a job's life, statuses and faults together."""
    seen = _Seen()
    for entry in run.events:
        seen.take(entry)
    return frozenset(seen.states)


class _Seen:
    """The states up to an event."""

    def __init__(self) -> None:
        self.states: set[int] = set()
        self._lives: defaultdict[Subject, tuple[str, ...]] = defaultdict(tuple)
        self._workers: dict[Subject, str] = {}
        self._statuses: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._fault = ""

    def take(self, entry: Entry) -> None:
        event = entry.event
        for subject in _subjects(event):
            self._live(subject, entry)
        if isinstance(event, e.FaultStruck):
            self._fault = event.fault
        if isinstance(event, _UPHEAVALS) or self._moved(event):
            self._add(self._fault, *self._combination())

    def _live(self, subject: Subject, entry: Entry) -> None:
        """Add to a life what befell it, and whether it was by the worker that was last there."""
        here = "" if self._workers.get(subject, entry.worker) == entry.worker else "other "
        self._workers[subject] = entry.worker
        word = f"{here}{type(entry.event).__name__} {getattr(entry.event, 'status', '')}"
        life = self._lives[subject]
        if not life or life[-1] != word:  # a heartbeat after another is no news
            self._lives[subject] = life = (*life, word)[-_GRAM:]
            self._add(*life)

    def _add(self, *words: str) -> None:
        self.states.add(crc32(" ".join(words).encode()))

    def _moved(self, event: AnyEvent) -> bool:
        """Follow a job to its next status; return whether it had to be followed."""
        job_id = getattr(event, "job_id", None)
        after = "" if isinstance(event, _ENDS) else _STATUS_AFTER.get(type(event))
        if job_id is None or after is None:
            return False
        before = self._statuses.pop(job_id, "")
        self._counts[before] -= 1
        self._counts[after] += 1
        if after:
            self._statuses[job_id] = after
        return True

    def _combination(self) -> list[str]:
        return [f"{status}{min(self._counts[status], _MANY)}" for status in ("queued", "picked")]


def _subjects(event: AnyEvent) -> list[Subject]:
    """Return the jobs and schedules that an event is about."""
    return [
        (noun, number)
        for noun in ("job", "schedule")
        for number in (getattr(event, f"{noun}_id", None), *getattr(event, f"{noun}_ids", ()))
        if number is not None
    ]
