"""Contested jobs: more than one process may still write how they ended."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.book import Book
from simqueue.check.owed import committed_by
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import View, WorkerView
from simqueue.model.events import Entry, JobLogged, JobPicked, JobRetried
from simqueue.model.ids import Instant, JobId


class Contested(Book):
    """Jobs that were taken from the process that had picked them, by a stale claim or by a client.

    The first holder may live, and PgQueuer lets any process log any job: its statements about such
    a job may come at any time and contradict those of the second holder. single-runner judges
    whether the job was rightly taken. A holder that has ended writes nothing more, once its last
    statement must have committed; then the job is no longer contested.
    """

    sees: ClassVar[tuple[type, ...]] = (JobPicked, JobRetried, JobLogged, *RESTARTING)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._jobs: dict[JobId, list[WorkerView | None]] = {}
        """The workers from which a job was taken; None: it stays contested."""

    def holds(self, job: JobId, at: Instant) -> bool:
        """Return whether another process than a job's holder may still end it or put it back."""
        before = self._jobs.get(job)
        if before is None:
            return False
        left = [worker for worker in before if not self._is_silent(worker, at)]
        if left:
            self._jobs[job] = left
        else:
            del self._jobs[job]
        return bool(left)

    def _is_silent(self, worker: WorkerView | None, at: Instant) -> bool:
        ended = None if worker is None else worker.ended
        return ended is not None and at > committed_by(self.view.config, ended)

    def take(self, entry: Entry) -> None:
        """Update the book with an event."""
        event = entry.event
        if isinstance(event, JobPicked):
            if event.stale:
                previous = event.previous
                holder = None if previous is None else self.view.managers.get(previous)
                self._jobs.setdefault(event.job_id, []).append(holder)
        elif isinstance(event, JobLogged | JobRetried):
            # From now on two processes may have written about the job, so it stays contested.
            if entry.worker not in self.view.workers or self.holds(event.job_id, entry.at):
                self._jobs[event.job_id] = [None]
        elif self._jobs and restarts_ids(event, "queue"):
            self._jobs.clear()
