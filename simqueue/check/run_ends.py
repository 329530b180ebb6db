"""run-ends: a worker that is asked to stop ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken
from simqueue.check.owed import Liveness, Owed, moment, slowness
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import seconds
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Duration, Instant

_GRACE = Duration(30_000_000)
"""How long a worker may take to end after its last handler."""


class RunEnds(Liveness):
    """Judges how long a worker that was asked to stop takes, once none of its handlers runs.

    It waits for the handlers that run, of jobs and of schedules, and those of jobs it had picked
    by then; the time counts from the end of the last one.
    """

    name: ClassVar[str] = "run-ends"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "After SIGTERM `run()` returns at most 30 seconds after the last handler that it has "
            "to wait for."
        ),
        reason="A worker that hangs has to be killed, and its cleanup is never done.",
        no_violation=(
            "A handler that still runs, for however long. A worker that is paused, whose loop is "
            "blocked, or whose registration code is not done. Time while faults are active does "
            "not count, and in a network slower than the default one a worker may take longer. A "
            "worker that ends with an error has ended, too."
        ),
        advice=(
            "Read in the story what the worker did after it was asked to stop. Look for tasks, "
            "context managers and locks of the application that never end or are never released."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (e.WorkerExited,)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle = Idle.of(view)
        self._grace = _GRACE + slowness(view.config)

    def see(self, entry: Entry) -> Broken | None:
        """Judge how long a worker took when it has ended."""
        worker = self.view.workers.get(entry.worker)
        owed = None if worker is None else self._owed(worker, entry.at)
        return owed.broken() if owed is not None and entry.at > owed.due else None

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield the workers that were asked to stop and have nothing left to wait for."""
        for worker in self.view.workers.values():
            owed = self._owed(worker, now)
            if owed is not None:
                yield owed

    def _owed(self, worker: WorkerView, at: Instant) -> Owed | None:
        calm, stopping = self.view.calm_since, worker.stopping
        if not worker.alive or calm is None or stopping is None or worker.ready is None:
            return None
        if self.view.runs(worker):
            return None
        begin = max(calm, stopping, worker.ready, self._idle.busy(worker.name))

        def broken() -> Broken:
            return Broken(
                f"{worker} was told to stop at {moment(stopping)} and did not end for "
                f"{seconds(at - begin)} although nothing of it ran"
            )

        return Owed(Instant(begin + self._grace), broken)
