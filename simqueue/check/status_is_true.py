"""status-is-true: a worker logs a job as its handler ended."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View
from simqueue.model.events import (
    Entry,
    HandlerFinished,
    HandlerRaised,
    JobLogged,
    JobRetried,
    WorkerStarted,
)
from simqueue.model.explanation import Explanation
from simqueue.model.ids import JobId, Status

End = HandlerFinished | HandlerRaised


class StatusIsTrue(Invariant):
    """Keeps each worker's ends of handlers, and compares what it logs with them.

    A handler that asked for a retry has not ended its job: logged in any way, the job is lost.
    """

    name: ClassVar[str] = "status-is-true"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A worker logs a job `successful` if and only if its handler returned, `exception` or "
            "`failed` only if it raised, `canceled` only if it was cancelled, and puts it back if "
            "it asked for a retry."
        ),
        reason=(
            "The log is all that remains of a job, so nobody can find out later that its work was "
            "not done; a job whose retry is not written is lost."
        ),
        no_violation=(
            "An error that a handler raises after it was cancelled, logged `canceled`, `exception` "
            "or `failed`. A handler that cancels other jobs over its worker's connection. What a "
            "worker logs of a job that it has not run, which is judged by `no-lost-job`."
        ),
        advice=(
            "Read in the story how the handler ended and which statement logged the job. The "
            "signature says which end was logged as which status; `retry-lost` means that the "
            "handler had asked for a retry and the job was not put back. Look for jobs in the log "
            "whose work was not done, and enqueue them again."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        HandlerFinished, HandlerRaised, JobLogged, JobRetried, WorkerStarted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._ends: dict[str, dict[JobId, list[End]]] = {}
        """By worker, the handlers' ends that it has not logged: several if it lost the job."""
        self._retried: dict[str, set[JobId]] = {}
        """By worker, the jobs that it has put back for a retry and not run since."""

    def see(self, entry: Entry) -> Broken | None:
        """Track the ends of handlers; judge a status that none of them justifies."""
        worker = entry.worker
        match entry.event:  # partial: only the events that it sees
            case HandlerFinished() | HandlerRaised() as end:
                if end.job_id is not None and end.job_id in self.view.tables.jobs.rows:
                    self._ends.setdefault(worker, {}).setdefault(end.job_id, []).append(end)
                    self._retried.get(worker, set()).discard(end.job_id)
            case JobLogged() as logged:
                return self._judge(worker, logged)
            case JobRetried(job_id=job):
                self._put_back(worker, job)
            case WorkerStarted():
                # A late log of the incarnation before cannot be distinguished from one of this.
                self._ends.pop(worker, None)
                self._retried.pop(worker, None)
            case event if empties_queue(event):
                self._ends.clear()
                self._retried.clear()
        return None

    def _put_back(self, worker: str, job: JobId) -> None:
        ends = self._ends.get(worker, {}).get(job, [])
        asked = next((end for end in ends if _asks_for_retry(end)), None)
        if asked is not None:
            self._settle(worker, job, asked)
            self._retried.setdefault(worker, set()).add(job)

    def _settle(self, worker: str, job: JobId, end: End) -> None:
        ends = self._ends[worker][job]
        ends.remove(end)
        if not ends:
            del self._ends[worker][job]

    def _judge(self, worker: str, logged: JobLogged) -> Broken | None:
        job, status = logged.job_id, logged.status
        ends = self._ends.get(worker, {}).get(job, [])
        for end in ends:
            if status in _true_of(end):
                self._settle(worker, job, end)
                return None
        lost = any(map(_asks_for_retry, ends)) or job in self._retried.get(worker, ())
        # The cancellation may come from another handler that acts as an operator.
        if status == "canceled" and (not ends or self._runs_any(worker)):
            return None
        text = f"{worker} logged job {job} ({logged.entrypoint}) {status}, though its handler"
        if lost:
            return Broken(f"{text} had asked for a retry", "retry-lost", jobs=(job,))
        if not ends:
            return None
        return Broken(f"{text} {_described(ends[-1])}", _detail(ends[-1], status), jobs=(job,))

    def _runs_any(self, worker: str) -> bool:
        return any(run.worker.name == worker for runs in self.view.running.values() for run in runs)


def _asks_for_retry(end: End) -> bool:
    return isinstance(end, HandlerRaised) and end.retry


def _true_of(end: End) -> tuple[Status, ...]:
    """Return the statuses that an end justifies."""
    if isinstance(end, HandlerFinished):
        return ("canceled",) if end.cancelled else ("successful",)
    if end.retry:
        return ("canceled",) if end.cancelled else ()
    if end.error.startswith("CancelledError"):
        return ("canceled",)
    return ("canceled", "exception", "failed") if end.cancelled else ("exception", "failed")


def _described(end: End) -> str:
    if isinstance(end, HandlerFinished):
        return "returned after it had been cancelled" if end.cancelled else "returned"
    return f"raised {end.error}"


def _detail(end: End, status: Status) -> str:
    if isinstance(end, HandlerRaised):
        return f"raised-as-{status}"
    return f"{'cancelled' if end.cancelled else 'returned'}-as-{status}"
