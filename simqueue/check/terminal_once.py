"""terminal-once: a job ends once."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, NamedTuple

from simqueue.check.contested import Contested
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.owed import committed_by
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import View
from simqueue.check.wording import seconds
from simqueue.model.events import (
    ConnectionLost,
    Entry,
    JobLogged,
    JobRequeued,
    JobRetried,
)
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId

_REMEMBERED = 64


class _Loss(NamedTuple):
    """When a connection broke, and whether a statement was under way over it."""

    at: Instant
    unanswered: bool


class TerminalOnce(Invariant):
    """Remembers the first log of each job, and judges the second one.

    A lost connection excuses only the log whose statement was under way when it broke.
    """

    name: ClassVar[str] = "terminal-once"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "Workers log a job `successful`, `exception`, `failed` or `canceled` once, unless it "
            "is put back in between."
        ),
        reason="Code that reads the log counts a job that is logged twice as two jobs.",
        no_violation=(
            "A job that is cancelled after its end, such as a held one. Two workers that log a job "
            "which was taken over from the first of them. A worker that sends its statement again "
            "because the connection broke before the reply: it cannot know that the first one was "
            "executed."
        ),
        advice=(
            "Find both logs in the story. If one worker sent both, look for code that logs jobs "
            "besides PgQueuer; if two did, look for how the second one came to have the job."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        JobLogged, JobRetried, JobRequeued, ConnectionLost, *RESTARTING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._contested = Contested.of(view)
        self._logged: dict[JobId, Entry] = {}
        self._losses: dict[str, deque[_Loss]] = {}
        """The last connections that each worker lost."""

    def see(self, entry: Entry) -> Broken | None:
        """Track the end of each job; judge a second one."""
        match entry.event:
            case JobLogged() as logged:
                return self._judge(entry, logged)
            case JobRetried(job_id=job) | JobRequeued(job_id=job):
                self._logged.pop(job, None)
            case ConnectionLost(_, statement):
                losses = self._losses.setdefault(entry.worker, deque(maxlen=_REMEMBERED))
                losses.append(_Loss(entry.at, statement is not None))
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
        if logged.status == "canceled" or self._contested.holds(logged.job_id, entry.at):
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

    def _may_be_unheard(self, logged: Entry) -> bool:
        """Return whether a connection broke between the sending of a log and its reply."""
        return any(self._spans(loss, logged.at) for loss in self._losses.get(logged.worker, ()))

    def _spans(self, loss: _Loss, committed: Instant) -> bool:
        config = self.view.config
        if loss.at >= committed:
            return loss.at <= committed_by(config, committed)
        return loss.unanswered and committed <= committed_by(config, loss.at)
