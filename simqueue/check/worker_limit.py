"""worker-limit: a worker holds no more jobs than it may."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.model.events import Entry, JobPicked


class WorkerLimit(Invariant):
    """A claim leaves a worker with at most ``max_concurrent_tasks`` jobs in its name.

    Who sets it knows how much one process bears. It is counted over rows, as the queue counts.

    It is not a violation when more handlers run than there are rows, since another worker has
    taken over some of them.
    """

    name: ClassVar[str] = "worker-limit"
    reason: ClassVar[str] = "a worker must not claim more jobs than its max_concurrent_tasks"
    sees: ClassVar[tuple[type, ...]] = (JobPicked,)

    def see(self, entry: Entry) -> Broken | None:
        """Count after each claim."""
        event = entry.event
        if not isinstance(event, JobPicked):
            return None
        worker = self.view.managers.get(event.manager)
        if worker is None or worker.tasks_max is None:
            return None
        held = self.view.tables.jobs.load(event.manager, worker.entrypoints)
        if held <= worker.tasks_max:
            return None
        return Broken(
            f"{worker} may hold {worker.tasks_max} job(s) at a time, and holds {held} now that it "
            f"claimed job {event.job_id}",
            jobs=(event.job_id,),
        )
