"""no-starvation: a due job does not wait for an idle worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from simqueue.check.capacity import Capacity
from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken
from simqueue.check.owed import Liveness, Owed, moment, slowness
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import seconds
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Duration, Instant, JobId


class _Wait(NamedTuple):
    """Since when a job has been due, and how it came to be queued."""

    since: Instant
    how: str


class _Offer(NamedTuple):
    """A worker that could take a job, since when, and how much longer than usual it may take."""

    worker: WorkerView
    since: Instant
    longer: int


class NoStarvation(Liveness):
    """Follows since when each job is due, and since when a worker could take it.

    An idle worker is notified of a new job, and looks by itself when a deferred one is due. The
    time counts from when the job is due and committed, its entrypoint has room, the world is calm
    and the worker is idle, which it is not while it runs anything (see ``Idle``).
    """

    name: ClassVar[str] = "no-starvation"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A job that is due waits at most `Config.patience` while an idle worker could take it."
        ),
        reason=(
            "A job that waits while a worker has nothing to do is late, and more workers would not "
            "help."
        ),
        no_violation=(
            "A wait for a worker that is busy, starting, stopping, held up or disconnected, or for "
            "room under a concurrency limit. A worker that lost the connection it listens with and "
            "finds the job only after its `dequeue_timeout`. Time while faults are active does not "
            "count, and in a network slower than the default one a job may wait longer."
        ),
        advice=(
            "The signature says how the job was queued: `enqueued`, `deferred`, `retried` or "
            "`requeued`. Read in the story when the worker looked for jobs, and lower its "
            "`dequeue_timeout`, or raise `Config.patience` if the wait is acceptable."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.JobEnqueued, e.JobPicked, e.JobLogged, e.JobRetried, e.JobRequeued, e.JobDeleted,
        *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle, self._capacity = Idle.of(view), Capacity.of(view)
        self._patience = Duration(view.patience + slowness(view.config))
        self._waits: dict[JobId, _Wait] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Track since when each job waits; judge a wait when it is over."""
        match entry.event:  # partial: only the events that it sees
            case e.JobPicked(job_id):
                wait = self._waits.pop(job_id, None)
                if wait is None or entry.at - wait.since <= self._patience:
                    return None
                return self._late(job_id, wait, entry)
            case e.JobEnqueued(job_id, execute_after=due):
                how = "deferred" if due > entry.now else "enqueued"
                self._waits[job_id] = _Wait(max(due, entry.at), how)
            case e.JobRetried(job_id, due):
                self._waits[job_id] = _Wait(max(due, entry.at), "retried")
            case e.JobRequeued(job_id):
                self._waits[job_id] = _Wait(entry.at, "requeued")
            case e.JobLogged(job_id) | e.JobDeleted(job_id):
                self._waits.pop(job_id, None)
            case event if empties_queue(event):
                self._waits.clear()
        return None

    def _late(self, job: JobId, wait: _Wait, entry: Entry) -> Broken | None:
        entrypoint = self.view.tables.jobs.rows[job].entrypoint
        offers = self._offers(entrypoint, entry.at, without=1)
        owed = self._owed(job, entrypoint, wait, offers, entry.at)
        return owed.broken() if owed is not None and entry.at > owed.due else None

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield the jobs that are due and that an idle worker could take."""
        if self.view.calm_since is None:
            return
        offers: dict[str, list[_Offer]] = {}
        rows = self.view.tables.jobs.rows
        for job, wait in self._waits.items():
            if wait.since > now:
                continue
            entrypoint = rows[job].entrypoint
            if entrypoint not in offers:
                offers[entrypoint] = self._offers(entrypoint, now)
            owed = self._owed(job, entrypoint, wait, offers[entrypoint], now)
            if owed is not None:
                yield owed

    def _offers(self, entrypoint: str, at: Instant, *, without: int = 0) -> list[_Offer]:
        """Return the workers that could take a job of an entrypoint."""
        offers: list[_Offer] = []
        for worker in self.view.workers.values():
            limit = worker.entrypoints.get(entrypoint)
            if limit is None:
                continue
            room = self._capacity.since(entrypoint, limit, without=without)
            idle = None if room is None else self._idle.since(worker, at)
            if room is not None and idle is not None:
                longer = 0 if worker.deaf is None else worker.dequeue_timeout
                offers.append(_Offer(worker, max(room, idle), longer))
        return offers

    def _owed(
        self, job: JobId, entrypoint: str, wait: _Wait, offers: list[_Offer], at: Instant
    ) -> Owed | None:
        """Return by when the first of the workers must have taken the job."""
        if not offers:
            return None
        first = min(offers, key=lambda offer: max(wait.since, offer.since) + offer.longer)
        begin = max(wait.since, first.since)
        due = Instant(begin + first.longer + self._patience)

        def broken() -> Broken:
            return Broken(
                f"job {job} ({entrypoint}), {wait.how} and due since {moment(wait.since)}, waited "
                f"for {seconds(at - begin)} while {first.worker} was idle and could take it",
                wait.how,
                jobs=(job,),
            )

        return Owed(due, broken)
