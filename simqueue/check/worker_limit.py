"""worker-limit: a worker holds no more jobs than it may."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.model.events import Entry, JobPicked
from simqueue.model.explanation import Explanation


class WorkerLimit(Invariant):
    """Counts the rows picked in a worker's name after each of its claims."""

    name: ClassVar[str] = "worker-limit"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A claim leaves a worker with at most `max_concurrent_tasks` jobs picked in its name."
        ),
        reason="The limit says how much one process can bear.",
        no_violation=(
            "More handlers that run than the worker has rows, because another worker took over "
            "some of them."
        ),
        advice=(
            "Read in the story which jobs the worker held when it claimed one more. Size its "
            "memory and its connections for more than the limit until the cause is fixed."
        ),
    )
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
