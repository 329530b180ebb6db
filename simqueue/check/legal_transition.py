"""legal-transition: jobs go from status to status as PgQueuer's state machine says."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.contested import Contested
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View
from simqueue.model.events import (
    Entry,
    JobDeleted,
    JobEnqueued,
    JobLogged,
    JobPicked,
    JobRequeued,
    JobRetried,
)
from simqueue.model.ids import JobId, Status


class LegalTransition(Invariant):
    """A queued job is picked; a picked one is put back, held, or leaves; a held one is put back.

    A job that a worker ends or puts back without having it is one that nobody runs, or that
    somebody else does. Statuses are kept from the events alone, so this holds the tables to
    account, too.

    It is not a violation when a stale job is picked from who has it; when a job is cancelled or
    deleted, or a client puts back or logs one, whatever its status; or what workers say of a job
    that was taken from one of them. That a job is held twice is for terminal-once to judge.
    """

    name: ClassVar[str] = "legal-transition"
    reason: ClassVar[str] = (
        "a job must be picked before it ends or is put back, and be queued before it is picked"
    )
    sees: ClassVar[tuple[type, ...]] = (
        JobEnqueued, JobPicked, JobLogged, JobRetried, JobRequeued, JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._contested = Contested.of(view)
        self._status: dict[JobId, Status] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Move a job on; complain if it was not where it had to be."""
        match entry.event:
            case JobEnqueued(job_id=job):
                self._status[job] = "queued"
            case JobPicked(job_id=job, stale=stale):
                return self._move(entry, job, "picked", "picked" if stale else "queued")
            case JobLogged(job_id=job, status=status):
                return self._logged(entry, job, status)
            case JobRetried(job_id=job):
                return self._move(entry, job, "queued", *self._held_to(entry, job, "picked"))
            case JobRequeued(job_id=job):
                return self._move(entry, job, "queued", "failed")
            case JobDeleted(job_id=job):
                return self._move(entry, job, "deleted", "queued", "picked", "failed")
            case event if empties_queue(event):
                self._status.clear()
        return None

    def _logged(self, entry: Entry, job: JobId, status: Status) -> Broken | None:
        if status == "canceled":
            return self._move(entry, job, status)
        legal: tuple[Status, ...] = ("picked", "failed") if status == "failed" else ("picked",)
        return self._move(entry, job, status, *self._held_to(entry, job, *legal))

    def _held_to(self, entry: Entry, job: JobId, *legal: Status) -> tuple[Status, ...]:
        """Return from where a worker may move a job; none if there is nothing to hold it to."""
        if entry.worker not in self.view.workers or self._contested.holds(job, entry.at):
            return ()
        return legal

    def _move(self, entry: Entry, job: JobId, after: Status, *legal: Status) -> Broken | None:
        """Note a job's new status, and judge it by those it may have had before, if any."""
        before = self._status.get(job)
        if after in {"queued", "picked", "failed"}:
            self._status[job] = after
        else:
            self._status.pop(job, None)
        if not legal or before in legal:
            return None
        return Broken(
            f"{entry.worker} moved job {job} from {before or 'nowhere'} to {after}; it has to be "
            f"{' or '.join(legal)} before",
            f"{before or 'nowhere'}-to-{after}",
            jobs=(job,),
        )
