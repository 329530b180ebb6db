"""Contested jobs: those of which more than one process may still tell how they ended."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.book import Book
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import View
from simqueue.model.events import Entry, JobLogged, JobPicked, JobRetried
from simqueue.model.ids import JobId


class Contested(Book):
    """Jobs that were taken from who had picked them, by a stale claim or by hand.

    The first holder may live, and PgQueuer lets anybody log any job: what it says of such a job
    may come at any time and contradict what the second one says. Whether the job was taken
    rightly is for single-runner to say.
    """

    sees: ClassVar[tuple[type, ...]] = (JobPicked, JobRetried, JobLogged, *RESTARTING)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._jobs: set[JobId] = set()

    def __contains__(self, job: JobId) -> bool:
        return job in self._jobs

    def take(self, entry: Entry) -> None:
        """Learn what an event tells."""
        event = entry.event
        if isinstance(event, JobPicked):
            if event.stale:
                self._jobs.add(event.job_id)
        elif isinstance(event, JobLogged | JobRetried):
            if entry.worker not in self.view.workers:
                self._jobs.add(event.job_id)
        elif self._jobs and restarts_ids(event, "queue"):
            self._jobs.clear()
