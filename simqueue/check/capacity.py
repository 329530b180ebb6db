"""Capacity: since when an entrypoint has had fewer picked jobs than it may have."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.book import Book
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import Instant, JobId


class Capacity(Book):
    """When each entrypoint was last full.

    Workers may register one entrypoint with several limits; each limit is tracked separately.
    """

    sees: ClassVar[tuple[type, ...]] = (
        e.WorkerReady, e.JobPicked, e.JobLogged, e.JobRetried, e.JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._limits: dict[str, set[int]] = {}
        self._picked: dict[JobId, str] = {}
        self._full: dict[tuple[str, int], Instant] = {}

    def take(self, entry: Entry) -> None:
        """Update the book with an event."""
        match entry.event:
            case e.JobPicked(job_id):
                self._picked[job_id] = self.view.tables.jobs.rows[job_id].entrypoint
            case e.JobLogged(job_id) | e.JobRetried(job_id) | e.JobDeleted(job_id):
                entrypoint = self._picked.pop(job_id, None)
                if entrypoint is not None:
                    self._note(entrypoint, self._count(entrypoint) + 1, entry.at)
            case e.WorkerReady(entrypoints=entrypoints):
                for name, limit in entrypoints:
                    if limit > 0:
                        self._limits.setdefault(name, set()).add(limit)
            case event if empties_queue(event):
                for entrypoint in self._picked.values():
                    self._note(entrypoint, len(self._picked), entry.at)
                self._picked.clear()

    def since(self, entrypoint: str, limit: int, *, without: int = 0) -> Instant | None:
        """Return since when there has been room under ``limit``; None while there is none.

        ``without`` is how many of the picked jobs not to count.
        """
        if limit <= 0:
            return Instant(0)
        if self._count(entrypoint) - without >= limit:
            return None
        return self._full.get((entrypoint, limit), Instant(0))

    def _note(self, entrypoint: str, before: int, at: Instant) -> None:
        """Note that until now ``before`` jobs were picked."""
        for limit in self._limits.get(entrypoint, ()):
            if before >= limit:
                self._full[entrypoint, limit] = at

    def _count(self, entrypoint: str) -> int:
        lane = self.view.tables.jobs.lanes.get(entrypoint)
        return 0 if lane is None else len(lane.picked)
