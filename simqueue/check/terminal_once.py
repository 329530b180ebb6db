"""terminal-once: a job ends once."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.contested import Contested
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import View
from simqueue.check.wording import seconds
from simqueue.model.events import (
    ConnectionLost,
    Entry,
    JobLogged,
    JobRequeued,
    JobRetried,
    WorkerStarted,
)
from simqueue.model.ids import Instant, JobId


class TerminalOnce(Invariant):
    """Workers log a job successful, exception, failed or canceled once, unless it is put back.

    Who reads the log counts a job that is logged twice as two.

    It is not a violation when a held job is cancelled or deleted, whoever does so; when two
    workers log a job that was taken from the first of them; or when a worker repeats a statement
    because the connection broke over which it had sent it, and it cannot know that it was heard.
    """

    name: ClassVar[str] = "terminal-once"
    reason: ClassVar[str] = "a job must end once, unless it is put back in between"
    sees: ClassVar[tuple[type, ...]] = (
        JobLogged, JobRetried, JobRequeued, ConnectionLost, WorkerStarted, *RESTARTING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._contested = Contested.of(view)
        self._logged: dict[JobId, Entry] = {}
        self._disconnected: dict[str, Instant] = {}
        self._unanswered: set[str] = set()
        """Workers that have sent a statement and may never hear of its commit, even a late one."""

    def see(self, entry: Entry) -> Broken | None:
        """Remember a job's end; complain about a second one."""
        match entry.event:
            case JobLogged() as logged:
                return self._judge(entry, logged)
            case JobRetried(job_id=job) | JobRequeued(job_id=job):
                self._logged.pop(job, None)
            case ConnectionLost(_, statement):
                self._disconnected[entry.worker] = entry.at
                if statement is not None:
                    self._unanswered.add(entry.worker)
            case WorkerStarted():
                self._unanswered.discard(entry.worker)
            case event if restarts_ids(event, "queue"):
                self._logged.clear()
        return None

    def _judge(self, entry: Entry, logged: JobLogged) -> Broken | None:
        if entry.worker not in self.view.workers:
            return None
        first = self._logged.get(logged.job_id)
        if first is None:
            self._logged[logged.job_id] = entry
            return None
        if logged.status == "canceled" or logged.job_id in self._contested:
            return None
        if first.worker == entry.worker and self._may_be_unheard(first):
            return None
        before = first.event
        ended = before.status if isinstance(before, JobLogged) else "ended"
        return Broken(
            f"job {logged.job_id} ({logged.entrypoint}) was logged {ended} by {first.worker}, and "
            f"{seconds(entry.at - first.at)} later {logged.status} by {entry.worker}, though "
            "nobody had put it back",
            jobs=(logged.job_id,),
        )

    def _may_be_unheard(self, entry: Entry) -> bool:
        """Return whether a connection broke before the commit of a log, or with its reply."""
        if entry.worker in self._unanswered:
            return True
        return self._disconnected.get(entry.worker, Instant(-1)) >= entry.at
