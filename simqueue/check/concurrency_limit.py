"""concurrency-limit: no more jobs of an entrypoint are picked than its limit allows."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.view import View
from simqueue.check.wording import JOBS_NAMED, numbers
from simqueue.model.events import Entry, JobPicked, WorkerReady
from simqueue.model.ids import Instant, ManagerId


class ConcurrencyLimit(Invariant):
    """A claim leaves at most ``concurrency_limit`` jobs of the entrypoint picked, over all workers.

    Who sets a limit has something that does not bear more. It is counted over rows, as the
    queue counts: a job whose lease has expired may run twice and counts once.

    It is not a violation when workers registered different limits, now or before a deploy, as
    long as the highest holds; nor when a claim takes over a stale job, which was counted before;
    nor when some client claims jobs by itself, with whatever limit.
    """

    name: ClassVar[str] = "concurrency-limit"
    reason: ClassVar[str] = (
        "an entrypoint's concurrency_limit holds over all workers, whoever claims at one time"
    )
    sees: ClassVar[tuple[type, ...]] = (WorkerReady, JobPicked)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._limits: dict[str, int] = {}
        """The highest that any worker registered; 0 is none."""
        self._claims: dict[str, dict[ManagerId, Instant]] = {}
        """When each manager last claimed a job of an entrypoint."""

    def see(self, entry: Entry) -> Broken | None:
        """Learn limits; count after each claim."""
        event = entry.event
        if isinstance(event, WorkerReady):
            for entrypoint, limit in event.entrypoints:
                before = self._limits.get(entrypoint, limit)
                self._limits[entrypoint] = max(before, limit) if before and limit else 0
        elif isinstance(event, JobPicked) and self._limits:
            return self._count(entry, event)
        return None

    def _count(self, entry: Entry, picked: JobPicked) -> Broken | None:
        jobs = self.view.tables.jobs
        entrypoint = jobs.rows[picked.job_id].entrypoint
        limit = self._limits.get(entrypoint)
        if not limit:
            return None
        if picked.manager not in self.view.managers:
            self._limits[entrypoint] = 0
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
