"""no-lost-job: a job that a worker logs as done has run."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.contested import Contested
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View
from simqueue.model.events import (
    Entry,
    HandlerFinished,
    HandlerRaised,
    JobDeleted,
    JobLogged,
    JobPicked,
    JobRequeued,
    JobRetried,
)
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId, Status

_DONE: frozenset[Status] = frozenset(("successful", "exception", "failed"))


class NoLostJob(Invariant):
    """Keeps the ends of handlers since a job was enqueued or put back, and asks for one at its log.

    The end need not be one of the worker that logs.
    """

    name: ClassVar[str] = "no-lost-job"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A job that a worker logs `successful`, `exception` or `failed` has had a handler run "
            "to its end since it was enqueued or put back."
        ),
        reason="Otherwise the job has left the queue and its work was never done.",
        no_violation=(
            "A cancelled job. A job that an operator or a client logs or deletes. A table that is "
            "truncated or dropped, or an UNLOGGED table that a crash of the server emptied. A job "
            "that was taken over, about which both workers may write. A job of an entrypoint that "
            "was registered after the worker was ready, since its handler is not observed."
        ),
        advice=(
            "Find in the story the statement that logged the job and the worker that sent it. If "
            "application code logs jobs itself, let it log only jobs whose handler has ended."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        HandlerFinished, HandlerRaised, JobPicked, JobLogged, JobRetried, JobRequeued, JobDeleted,
        *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._contested = Contested.of(view)
        self._put_back: dict[JobId, str] = {}
        self._ended: dict[JobId, list[str]] = {}
        """By job, the workers whose handler of it has ended and that have not logged it."""

    def see(self, entry: Entry) -> Broken | None:
        """Track the ends of handlers; judge a job that is logged without one."""
        match entry.event:  # partial: only the events that it sees
            case JobPicked(job_id=job):
                if self._put_back:
                    self._put_back.pop(job, None)
            case HandlerFinished(job_id=job) | HandlerRaised(job_id=job):
                if job is not None and job in self.view.tables.jobs.rows:
                    self._ended.setdefault(job, []).append(entry.worker)
            case JobLogged() as logged:
                return self._logged(entry, logged)
            case JobRetried(job_id=job):
                self._put_back[job] = entry.worker
                # Other workers that have run it, too, may still log it.
                if entry.worker in self._ended.get(job, ()):
                    self._ended[job].remove(entry.worker)
            case event:
                self._forget(event, entry.at)
        return None

    def _forget(self, event: object, at: Instant) -> None:
        match event:  # partial: only the events that it sees
            case JobRequeued(job_id=job) | JobDeleted(job_id=job):
                if not self._contested.holds(job, at):
                    self._ended.pop(job, None)
            case _ if empties_queue(event):
                self._ended.clear()

    def _logged(self, entry: Entry, logged: JobLogged) -> Broken | None:
        broken = self._judge(entry, logged)
        if logged.status != "failed":
            self._ended.pop(logged.job_id, None)
        return broken

    def _judge(self, entry: Entry, logged: JobLogged) -> Broken | None:
        if logged.status not in _DONE or self._ended.get(logged.job_id):
            return None
        if self._contested.holds(logged.job_id, entry.at):
            return None
        if self._put_back.get(logged.job_id) == entry.worker:
            return None  # It has run it, and undoes the retry: that is for status-is-true.
        worker = self.view.workers.get(entry.worker)
        # What was registered later than the worker was ready is not observed.
        if worker is None or logged.entrypoint not in worker.entrypoints:
            return None
        return Broken(
            f"{worker} logged job {logged.job_id} ({logged.entrypoint}) {logged.status}, though no "
            "handler of it has run to an end since it was queued",
            jobs=(logged.job_id,),
        )
