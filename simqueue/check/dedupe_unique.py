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
from simqueue.model.ids import JobId


class DedupeUnique(Invariant):
    """No two jobs that are queued or picked have the same dedupe key.

    Who gives a key wants one job at a time. Keys are kept from the events alone, so this holds
    the tables' index to account, too.

    It is not a violation when held (``failed``) jobs share a key with a live one.
    """

    name: ClassVar[str] = "dedupe-unique"
    reason: ClassVar[str] = "a dedupe key stands for one queued or picked job at a time"
    sees: ClassVar[tuple[type, ...]] = (
        JobEnqueued, JobLogged, JobRetried, JobRequeued, JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._keys: dict[JobId, str] = {}
        self._live: dict[str, JobId] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Keep books of keys; complain about one that has two jobs."""
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
