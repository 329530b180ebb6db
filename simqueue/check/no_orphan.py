"""no-orphan: a worker that ended of itself holds no job."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.view import View
from simqueue.model.events import ConnectionLost, Entry, WorkerExited, WorkerReady
from simqueue.model.ids import ManagerId


class NoOrphan(Invariant):
    """When a worker's ``run()`` returns, no row is left picked in its name.

    Such a job runs nowhere, and nobody else takes it before its heartbeat is stale. It is not a
    violation when the worker was killed, ended with an error, or lost its connection and could not
    give back anything: recovery is for such rows.
    """

    name: ClassVar[str] = "no-orphan"
    reason: ClassVar[str] = (
        "a worker that shut down gracefully has finished or given back what it picked"
    )
    sees: ClassVar[tuple[type, ...]] = (WorkerReady, WorkerExited, ConnectionLost)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._managers: dict[str, ManagerId] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Remember each worker's manager; look at what it holds when it returns."""
        event = entry.event
        if isinstance(event, WorkerReady):
            self._managers[entry.worker] = event.manager
            return None
        manager = self._managers.pop(entry.worker, None)
        if manager is None or not isinstance(event, WorkerExited) or event.error is not None:
            return None
        held = sorted(self.view.tables.jobs.held_by(manager))
        if not held:
            return None
        jobs = ", ".join(str(job) for job in held[:10])
        return Broken(
            f"{entry.worker} shut down and left {len(held)} job(s) picked in its name: {jobs}"
        )
