"""concurrency-limit: no more jobs of an entrypoint are picked than its limit allows."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.owed import committed_by
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import JOBS_NAMED, numbers
from simqueue.model.events import Entry, JobPicked, WorkerReady
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId, ManagerId


class ConcurrencyLimit(Invariant):
    """Counts the picked rows of an entrypoint after each claim, over all workers.

    For a moment the limits of workers that have ended count, too: their last claims may be under
    way.
    """

    name: ClassVar[str] = "concurrency-limit"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A claim leaves at most `concurrency_limit` jobs of the entrypoint picked, counted "
            "over all workers."
        ),
        reason=(
            "A limit protects something that does not bear more, such as a service with few "
            "connections."
        ),
        no_violation=(
            "A job whose lease has expired and that runs twice: rows are counted, as the queue "
            "counts. Workers that registered different limits, as long as the highest one holds. A "
            "claim that takes over a stale job, which was counted before. Claims while a job is "
            "picked that a client claimed by itself."
        ),
        advice=(
            "`batch` means that one worker's claim exceeded the limit, `overlap` that another one "
            "had claimed at the same time. If the limit has to hold, guard the resource itself, "
            "for example with a lock in the database."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (WorkerReady, JobPicked)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._limits: dict[str, list[tuple[WorkerView, int]]] = {}
        """By entrypoint, the workers that registered it and their limits; 0 is none."""
        self._by_clients: dict[str, set[JobId]] = {}
        """By entrypoint, the jobs that clients claimed without a worker."""
        self._claims: dict[str, dict[ManagerId, Instant]] = {}
        """When each manager last claimed a job of an entrypoint."""

    def see(self, entry: Entry) -> Broken | None:
        """Learn limits; count after each claim."""
        event = entry.event
        if isinstance(event, WorkerReady):
            self._learn(self.view.workers.get(entry.worker), event)
        elif isinstance(event, JobPicked) and self._limits:
            return self._count(entry, event)
        return None

    def _learn(self, worker: WorkerView | None, ready: WorkerReady) -> None:
        if worker is not None:
            for entrypoint, limit in ready.entrypoints:
                self._limits.setdefault(entrypoint, []).append((worker, limit))

    def _limit(self, entrypoint: str, at: Instant) -> int:
        """Return the highest limit that a claim may have been made with; 0 is none."""
        registered = self._limits.get(entrypoint, [])
        current = [each for each in registered if not self._is_past(each[0], at)]
        if len(current) < len(registered):
            self._limits[entrypoint] = current
        limits = [limit for _, limit in current]
        return max(limits) if limits and all(limits) else 0

    def _is_past(self, worker: WorkerView, at: Instant) -> bool:
        return worker.ended is not None and at > committed_by(self.view.config, worker.ended)

    def _claimed_by_clients(self, entrypoint: str) -> bool:
        """Return whether a job that a client claimed without a worker is still picked."""
        jobs = self._by_clients.get(entrypoint)
        if jobs:
            jobs &= set(self.view.tables.jobs.lanes[entrypoint].picked)
        return bool(jobs)

    def _count(self, entry: Entry, picked: JobPicked) -> Broken | None:
        jobs = self.view.tables.jobs
        entrypoint = jobs.rows[picked.job_id].entrypoint
        if picked.manager not in self.view.managers:
            self._by_clients.setdefault(entrypoint, set()).add(picked.job_id)
            return None
        limit = self._limit(entrypoint, entry.at)
        if not limit or self._claimed_by_clients(entrypoint):
            return None
        claims = self._claims.setdefault(entrypoint, {})
        claims[picked.manager] = entry.at
        held = jobs.lanes[entrypoint].picked
        if picked.stale or len(held) <= limit:
            return None
        beside = any(at >= entry.now for manager, at in claims.items() if manager != picked.manager)
        shown = sorted(held)
        return Broken(
            f"{entrypoint!r} has a concurrency limit of {limit}, and {len(held)} of its jobs were "
            f"picked ({numbers(shown)}) when {entry.worker} had claimed job {picked.job_id}"
            f"{' at the same time as another worker' if beside else ''}",
            "overlap" if beside else "batch",
            jobs=tuple(dict.fromkeys((picked.job_id, *shown[:JOBS_NAMED]))),
        )
