"""legal-transition: a job's status changes only as PgQueuer's state machine allows."""

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
from simqueue.model.explanation import Explanation
from simqueue.model.ids import JobId, Status


class LegalTransition(Invariant):
    """Follows each job's status by the events alone, independently of the tables."""

    name: ClassVar[str] = "legal-transition"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A job is picked only if it is queued, ends or is put back only if it is picked, and "
            "is requeued only if it is held (`failed`)."
        ),
        reason=(
            "A worker that ends or puts back a job which it does not have changes a job that "
            "no worker runs, or that another worker runs."
        ),
        no_violation=(
            "A stale job that is picked from its holder. A job that is cancelled or deleted, "
            "whatever its status. A job that a client logs or puts back. What workers write about "
            "a job that was taken over from one of them. A job that is held twice, which is judged "
            "by `terminal-once`."
        ),
        advice=(
            "The signature names both statuses, such as `queued-to-successful`. Find the statement "
            "in the story and the code that sent it: code that calls PgQueuer's queries itself may "
            "do so only for jobs that it has."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        JobEnqueued, JobPicked, JobLogged, JobRetried, JobRequeued, JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._contested = Contested.of(view)
        self._status: dict[JobId, Status] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Follow a job's status; judge a change that is not allowed."""
        match entry.event:  # partial: only the events that it sees
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
        """Return the statuses that a worker may change; none if any change is excused."""
        if entry.worker not in self.view.workers or self._contested.holds(job, entry.at):
            return ()
        return legal

    def _move(self, entry: Entry, job: JobId, after: Status, *legal: Status) -> Broken | None:
        """Note a job's new status; judge it by the ``legal`` ones before it, if there are any."""
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
