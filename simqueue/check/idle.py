"""Idleness: since when a worker has had nothing to do, and could take a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from simqueue.check.book import Book
from simqueue.check.owed import latency
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View, WorkerView
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import Instant, JobId

_QUESTIONS = 18
"""How many statements a worker sends before it listens and dequeues for the first time."""

Twice = tuple[Instant, Instant]
"""The last two moments at which something happened; the same one counts once."""

_NEVER: Twice = (Instant(0), Instant(0))


class Idle(Book):
    """When each worker was last busy, by the events.

    A worker is idle while it is able, listens, is not held up, and **runs nothing**, neither a job
    nor a schedule. One that still runs something may already have been stopped by its own code
    (``pq.shutdown.set()`` in a handler, a manager that failed, an empty queue in drain mode): it
    takes no more jobs, and no event shows that before its running work is over. One that runs
    nothing would end at once.
    """

    sees: ClassVar[tuple[type, ...]] = (
        e.WorkerStarted, e.WorkerReady, e.WorkerPaused, e.WorkerResumed, e.LoopBlocked,
        e.Listening, e.HandlerFinished, e.HandlerRaised, e.JobPicked, e.JobLogged, e.JobRetried,
        e.JobDeleted, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._startup = _QUESTIONS * latency(view.config)
        self._takers: dict[type, Callable[[Entry, Any], None]] = {
            e.HandlerFinished: self._ran,
            e.HandlerRaised: self._ran,
            e.JobPicked: self._picks,
            **dict.fromkeys((e.JobLogged, e.JobRetried, e.JobDeleted), self._rid),
            **dict.fromkeys(EMPTYING, self._emptied),
            e.Listening: self._listens,
            e.WorkerPaused: self._stalls,
            e.LoopBlocked: self._blocks,
            e.WorkerResumed: self._resumes,
            e.WorkerStarted: self._begins,
            e.WorkerReady: self._is_ready,
        }
        self._busy: dict[str, Instant] = {}
        self._picked: dict[str, Twice] = {}
        self._stalled: dict[str, Instant] = {}
        self._heard: dict[str, Instant] = {}
        self._holds: dict[JobId, tuple[str, Instant]] = {}
        """By job, its holder and since when; of workers with a limit on the jobs they hold."""

    def take(self, entry: Entry) -> None:
        """Update the book with an event."""
        taker = self._takers.get(type(entry.event))
        if taker is not None:
            taker(entry, entry.event)

    def _ran(self, entry: Entry, event: e.HandlerFinished | e.HandlerRaised) -> None:
        self._busy[entry.worker] = entry.at

    def _picks(self, entry: Entry, event: e.JobPicked) -> None:
        worker, at = entry.worker, entry.at
        _, last = self._picked.get(worker, _NEVER)
        if last != at:
            self._picked[worker] = last, at
        if self._holds:
            self._let_go(event.job_id, at)
        seen = self.view.workers.get(worker)
        if seen is not None and seen.tasks_max is not None:
            self._holds[event.job_id] = worker, at

    def _rid(self, entry: Entry, event: e.JobLogged | e.JobRetried | e.JobDeleted) -> None:
        if self._holds:
            self._let_go(event.job_id, entry.at)

    def _emptied(self, entry: Entry, event: object) -> None:
        if empties_queue(event):
            for job in list(self._holds):
                self._let_go(job, entry.at)

    def _listens(self, entry: Entry, event: e.Listening) -> None:
        if event.on:
            self._heard[entry.worker] = entry.at

    def _stalls(self, entry: Entry, event: e.WorkerPaused | e.LoopBlocked) -> None:
        end = Instant(entry.at + event.duration)
        self._stalled[entry.worker] = max(self.stalled(entry.worker), end)

    def _blocks(self, entry: Entry, event: e.LoopBlocked) -> None:
        if not event.thread:  # else the loop goes on
            self._stalls(entry, event)

    def _resumes(self, entry: Entry, event: e.WorkerResumed) -> None:
        self._stalled[entry.worker] = min(self.stalled(entry.worker), entry.at)

    def _begins(self, entry: Entry, event: e.WorkerStarted) -> None:
        worker = entry.worker
        for book in (self._busy, self._picked, self._stalled, self._heard):
            book.pop(worker, None)
        self._holds = {job: hold for job, hold in self._holds.items() if hold[0] != worker}

    def _is_ready(self, entry: Entry, event: e.WorkerReady) -> None:
        self._heard.pop(entry.worker, None)  # what it listened to before was the user's

    def _let_go(self, job: JobId, at: Instant) -> None:
        holder = self._holds.pop(job, None)
        if holder is not None:
            self._busy[holder[0]] = at

    def busy(self, worker: str) -> Instant:
        """Return when a worker last ran a handler, gave up a job, or came out of a stall."""
        return max(self._busy.get(worker, Instant(0)), self.stalled(worker))

    def stalled(self, worker: str) -> Instant:
        """Return when a worker's last stall ends, or has ended; 0 if there was none."""
        return self._stalled.get(worker, Instant(0))

    def since(self, worker: WorkerView, at: Instant) -> Instant | None:
        """Return since when a worker was idle just before ``at``; None while it is not.

        What it picks at ``at`` itself does not count. While faults are active no worker is idle.
        """
        calm = self.view.calm_since
        if calm is None or worker.ready is None or not worker.able() or self._full(worker, at):
            return None
        if self.view.runs(worker):
            return None
        name = worker.name
        before, last = self._picked.get(name, _NEVER)
        return max(
            calm,
            worker.back,
            self._heard.get(name, Instant(worker.ready + self._startup)),
            self.busy(name),
            last if last < at else before,
        )

    def _full(self, worker: WorkerView, at: Instant) -> bool:
        """Return whether it holds as many jobs as it may, but for those it picks right now."""
        if worker.tasks_max is None:
            return False
        name = worker.name
        held = sum(1 for holder, since in self._holds.values() if holder == name and since < at)
        return held >= worker.tasks_max
