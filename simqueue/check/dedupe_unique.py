"""dedupe-unique: two live jobs never share a dedupe key."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View
from simqueue.model.events import (
    Entry,
    JobDeleted,
    JobEnqueued,
    JobLogged,
    JobRequeued,
    JobRetried,
)
from simqueue.model.explanation import Explanation
from simqueue.model.ids import JobId


class DedupeUnique(Invariant):
    """Keeps the keys by the events alone, independently of the tables' unique index."""

    name: ClassVar[str] = "dedupe-unique"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning="No two jobs that are queued or picked have the same dedupe key.",
        reason="A dedupe key promises that its work is queued once at a time.",
        no_violation="Held (`failed`) jobs that share a key with a queued or picked one.",
        advice=(
            "Find in the story the statement that queued the second job: an enqueue, a retry, or a "
            "requeue of a held job."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        JobEnqueued, JobLogged, JobRetried, JobRequeued, JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._keys: dict[JobId, str] = {}
        self._live: dict[str, JobId] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Track the keys; judge a job that gets the key of another."""
        match entry.event:
            case JobEnqueued(job_id=job, dedupe_key=key):
                if key is not None:
                    self._keys[job] = key
                    return self._enliven(entry, job, key)
            case JobRetried(job_id=job) | JobRequeued(job_id=job):
                if job in self._keys:
                    return self._enliven(entry, job, self._keys[job])
            case JobLogged(job_id=job, status=status):
                if job in self._keys:
                    self._release(job, held=status == "failed")
            case JobDeleted(job_id=job):
                if job in self._keys:
                    self._release(job, held=False)
            case event if self._keys and empties_queue(event):
                self._keys.clear()
                self._live.clear()
        return None

    def _enliven(self, entry: Entry, job: JobId, key: str) -> Broken | None:
        holder = self._live.setdefault(key, job)
        if holder == job:
            return None
        return Broken(
            f"job {job} has the dedupe key {key!r} since {entry.worker} queued it, and job "
            f"{holder}, which is queued or picked, has it, too",
            jobs=(job, holder),
        )

    def _release(self, job: JobId, *, held: bool) -> None:
        key = self._keys[job]
        if self._live.get(key) == job:
            del self._live[key]
        if not held:
            del self._keys[job]
