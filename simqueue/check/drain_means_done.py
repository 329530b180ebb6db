"""drain-means-done: a worker that ends because its queue is empty has left no job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.owed import moment
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import JOBS_NAMED, numbers
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId

_NEVER = Instant(0)


@dataclass(slots=True)
class _Questions:
    """The last queries of a worker in drain mode.

    ``looked`` is when it looked for jobs, ``asked`` when it asked whether any is queued.
    ``planning`` says that it has found no job and computes when to look again: its queries then
    decide how long it waits, not whether it ends.
    """

    planning: bool = False
    looked: Instant = _NEVER
    asked: Instant | None = None


class DrainMeansDone(Invariant):
    """Tracks the queries of a worker in drain mode, and checks the queue when it returns.

    Deferred jobs count, too, since PgQueuer's own count has them in all releases. A handler may
    have set the shutdown event unless the worker looked for jobs after its last handler's end.
    """

    name: ClassVar[str] = "drain-means-done"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A worker in drain mode whose `run()` returns leaves no job queued that it put back "
            "itself, or that was queued when it last asked."
        ),
        reason=(
            "A script that drains a queue takes the end of its worker to mean that all work is "
            "done."
        ),
        no_violation=(
            "Jobs that others enqueue or put back after it asked, or that others hold. A worker "
            "that was asked to stop, ended with an error, or lost its connection. A handler that "
            "set its own worker's shutdown event (`pq.shutdown.set()`)."
        ),
        advice=(
            "`retried` means that the worker left jobs that it had put back, `queued` that it left "
            "jobs that were queued when it asked. Check the queue itself after a drain, and start "
            "another one while jobs are left."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.JobEnqueued, e.JobPicked, e.JobLogged, e.JobRetried, e.JobRequeued, e.JobDeleted,
        e.WorkerExited, *EMPTYING,
    )  # fmt: skip
    hears: ClassVar[tuple[str, ...]] = (
        "dequeue", "queued_work", "eligible_queued_work", "next_deferred_eta",
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle = Idle.of(view)
        self._questions: dict[WorkerView, _Questions] = {}
        self._queued: dict[JobId, tuple[Instant, WorkerView | None]] = {}
        """When a job was queued, and the worker that put it back, if one did."""

    def see(self, entry: Entry) -> Broken | None:
        """Track queries and queued jobs; judge the jobs left when a worker returns."""
        match entry.event:  # partial: only the events that it sees
            case e.StatementSent(name=name):
                if entry.cause is None:
                    self._asks(entry.worker, name, entry.at)
            case e.JobEnqueued(job_id) | e.JobRequeued(job_id):
                self._queued[job_id] = entry.at, None
            case e.JobRetried(job_id):
                self._queued[job_id] = entry.at, self.view.workers.get(entry.worker)
            case e.JobPicked(job_id) | e.JobLogged(job_id) | e.JobDeleted(job_id):
                self._queued.pop(job_id, None)
            case e.WorkerExited(error=None):
                return self._returned(entry.worker)
            case event if empties_queue(event):
                self._queued.clear()
        return None

    def _asks(self, name: str, statement: str, at: Instant) -> None:
        worker = self.view.workers.get(name)
        if worker is None or not worker.drain:
            return
        questions = self._questions.setdefault(worker, _Questions())
        match statement:  # partial: other values do not matter here
            case "dequeue":
                questions.planning, questions.looked = False, at
            case "eligible_queued_work" | "next_deferred_eta":
                questions.planning = True
            case "queued_work" if not questions.planning:
                questions.asked = at

    def _returned(self, name: str) -> Broken | None:
        worker = self.view.workers.get(name)
        questions = None if worker is None else self._questions.get(worker)
        if worker is None or questions is None or not worker.able() or self.view.runs(worker):
            return None
        if questions.looked <= self._idle.busy(name):
            return None  # A handler may have ended it: then it looks for no more jobs.
        rows = self.view.tables.jobs.rows
        left = [job for job in self._queued if rows[job].entrypoint in worker.entrypoints]
        own = [job for job in left if self._queued[job][1] is worker]
        if own:
            return Broken(
                f"{worker}, in drain mode, ended and left {len(own)} job(s) queued that it had put "
                f"back itself: {numbers(sorted(own))}{_last_asked(questions)}",
                "retried",
                jobs=tuple(sorted(own)[:JOBS_NAMED]),
            )
        asked = questions.asked
        known = [job for job in left if asked is not None and self._queued[job][0] < asked]
        if asked is None or not known:
            return None
        return Broken(
            f"{worker}, in drain mode, ended and left {len(known)} job(s) queued that were there "
            f"when it asked at {moment(asked)}: {numbers(sorted(known))}",
            "queued",
            jobs=tuple(sorted(known)[:JOBS_NAMED]),
        )


def _last_asked(questions: _Questions) -> str:
    if questions.asked is None:
        return ""
    return f"; it last asked whether the queue is empty at {moment(questions.asked)}"
