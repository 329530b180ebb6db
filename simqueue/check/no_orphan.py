"""no-orphan: no job stays picked while no worker runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken
from simqueue.check.owed import Liveness, Owed, committed_by, latency, moment, slowness
from simqueue.check.resets import EMPTYING, empties_queue
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import JOBS_NAMED, numbers, seconds
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Duration, Instant, JobId, ManagerId
from simqueue.model.rows import JobRow


class NoOrphan(Liveness):
    """Judges jobs left by a worker that returns, how long silent jobs wait, and late starts.

    What a worker claims after it was in trouble has no such excuse. A silent job has to be taken
    over by a worker that has been idle and registered its entrypoint (``forever``): it looks for
    silent jobs at least every ``dequeue_timeout``, and finds them once they have been silent for
    its ``heartbeat_timeout``. A job that is claimed waits for nothing before its handler is called
    (``skipped``), unless its worker was held up, is ending, or lost a connection.
    """

    name: ClassVar[str] = "no-orphan"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A worker whose `run()` returns leaves no job picked in its name, a job that another "
            "one left behind is taken over, and a job that is claimed is started."
        ),
        reason=(
            "A job that is left behind runs nowhere, and no worker takes it before its heartbeat "
            "is stale."
        ),
        no_violation=(
            "A worker that was killed, ended with an error, or held the job while a connection "
            "broke or a fault rejected its statement: another worker has to recover such rows. "
            "That recovery is not due while the handler runs or heartbeats come, while faults are "
            "active, or while every worker that could take the job is busy."
        ),
        advice=(
            "Without a further word in the signature the worker returned and left jobs: read in "
            "the story what it did with them after it was asked to stop. `forever` means that an "
            "idle worker did not take over a silent job within its `heartbeat_timeout`, its "
            "`dequeue_timeout` and `Config.patience`, `skipped` that a worker claimed a job and "
            "did not call its handler within `Config.patience`. Watch for rows that stay `picked` "
            "in production."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.WorkerReady, e.WorkerExited, e.ConnectionLost, e.FaultStruck, e.JobPicked, e.JobLogged,
        e.JobRetried, e.JobDeleted, e.HandlerStarted, e.HandlerFinished, e.HandlerRaised, *EMPTYING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle = Idle.of(view)
        self._grace = view.patience + 4 * latency(view.config)
        """How much longer than its timeouts a worker may take to find a silent job and claim it."""
        self._patience = Duration(view.patience + slowness(view.config))
        """How long a worker may take to start a job that it has claimed."""
        self._managers: dict[str, ManagerId] = {}
        self._troubled: dict[ManagerId, Instant] = {}
        """When a manager last lost a connection, or had a statement rejected by a fault."""
        self._excused: dict[ManagerId, set[JobId]] = {}
        """By manager, the jobs that it may not have been able to give back."""
        self._ran: dict[JobId, Instant] = {}
        self._unstarted: dict[JobId, tuple[WorkerView, Instant]] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Track claims and ends; judge the jobs that a worker holds when it returns."""
        event = entry.event
        broken: Broken | None = None
        match event:  # partial: only the events that it sees
            case e.JobPicked():
                broken = self._picked(event, entry.at)
                self._excuse_late(event, entry)
            case e.HandlerStarted(job_id=int(job)):
                self._unstarted.pop(JobId(job), None)
            case e.HandlerFinished(job_id=int(job)) | e.HandlerRaised(job_id=int(job)):
                self._ran[JobId(job)] = entry.at
            case e.JobLogged(job_id) | e.JobRetried(job_id) | e.JobDeleted(job_id):
                self._ran.pop(job_id, None)
                self._unstarted.pop(job_id, None)
            case e.WorkerReady(manager):
                self._managers[entry.worker] = manager
            case e.ConnectionLost() | e.FaultStruck(fault="fail" | "refuse"):
                self._excuse(entry.worker, entry.at)
            case e.WorkerExited():
                self._forget(entry.worker)
                holder = self._managers.pop(entry.worker, None)
                if holder is not None:
                    broken = self._left_behind(entry.worker, event, holder)
            case _ if empties_queue(event):
                self._unstarted.clear()
        return broken

    # --- a worker that ended of itself ---

    def _left_behind(self, worker: str, event: e.WorkerExited, manager: ManagerId) -> Broken | None:
        excused = self._excused.pop(manager, set())
        held = [job for job in self.view.tables.jobs.held_by(manager) if job not in excused]
        if event.error is not None or not held:
            return None
        return Broken(
            f"{worker} shut down and left {len(held)} job(s) picked in its name: {numbers(held)}",
            jobs=tuple(held[:JOBS_NAMED]),
        )

    def _excuse(self, worker: str, at: Instant) -> None:
        """Excuse a worker in trouble for the jobs it holds, and for jobs it may not know of.

        Its statements about those jobs may have failed, or the news of a claim may be lost.
        """
        self._forget(worker)
        manager = self._managers.get(worker)
        if manager is not None:
            held = self.view.tables.jobs.held_by(manager)
            self._excused.setdefault(manager, set()).update(held)
            self._troubled[manager] = at

    def _excuse_late(self, event: e.JobPicked, entry: Entry) -> None:
        """Excuse a job that was claimed by a statement that was under way during the trouble."""
        troubled = self._troubled.get(event.manager)
        if troubled is None:
            return
        excused = self._excused.setdefault(event.manager, set())
        if entry.at <= committed_by(self.view.config, troubled):
            excused.add(event.job_id)
        else:
            excused.discard(event.job_id)

    # --- a worker that skips claimed jobs ---

    def _picked(self, event: e.JobPicked, at: Instant) -> Broken | None:
        """Judge how long a job was held before this claim; begin to wait for its handler."""
        job, view = event.job_id, self.view
        broken = self._taken_over_late(job, event.previous, at) if event.stale else None
        owed = self._start_owed(job, at)
        self._unstarted.pop(job, None)
        worker = view.managers.get(event.manager)
        if worker is not None and job not in view.running:
            self._unstarted[job] = worker, at
        return owed.broken() if broken is None and owed is not None and at > owed.due else broken

    def _forget(self, worker: str) -> None:
        """Expect no start of jobs that a worker may not know it holds."""
        for job in [job for job, (each, _) in self._unstarted.items() if each.name == worker]:
            del self._unstarted[job]

    def _start_owed(self, job: JobId, at: Instant) -> Owed | None:
        """Return by when the worker that claimed a job must have called its handler."""
        worker, since = self._unstarted.get(job, (None, at))
        calm, row = self.view.calm_since, self.view.tables.jobs.rows.get(job)
        if worker is None or row is None or calm is None or since < calm or not worker.able():
            return None
        if row.entrypoint not in worker.entrypoints:
            return None
        begin = max(since, self._idle.stalled(worker.name))

        def broken() -> Broken:
            return Broken(
                f"job {job} ({row.entrypoint}) was picked by {worker} at {moment(since)}, which "
                f"has not called its handler in the {seconds(at - begin)} since",
                "skipped",
                jobs=(job,),
            )

        return Owed(Instant(begin + self._patience), broken)

    # --- one that is gone ---

    def _taken_over_late(
        self, job: JobId, previous: ManagerId | None, at: Instant
    ) -> Broken | None:
        row = self.view.tables.jobs.rows[job]
        owed = self._owed(row, previous, self._heirs(row.entrypoint, at), at)
        return owed.broken() if owed is not None and at > owed.due else None

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield the picked jobs that no worker runs and that an idle worker could take over."""
        starts = (self._start_owed(job, now) for job in self._unstarted)
        yield from (owed for owed in starts if owed is not None)
        jobs = self.view.tables.jobs
        for entrypoint, lane in jobs.lanes.items():
            heirs = self._heirs(entrypoint, now) if len(lane.picked) else []
            if not heirs:
                continue
            for job in lane.picked:
                row = jobs.rows[job]
                owed = self._owed(row, row.queue_manager_id, heirs, now)
                if owed is not None:
                    yield owed

    def _heirs(self, entrypoint: str, at: Instant) -> list[tuple[WorkerView, Instant]]:
        """Return the idle workers that could take over a job of an entrypoint, and since when."""
        able = [worker for worker in self.view.workers.values() if entrypoint in worker.entrypoints]
        idle = ((worker, self._idle.since(worker, at)) for worker in able)
        return [(worker, since) for worker, since in idle if since is not None]

    def _owed(
        self,
        row: JobRow,
        manager: ManagerId | None,
        heirs: list[tuple[WorkerView, Instant]],
        at: Instant,
    ) -> Owed | None:
        """Return by when the first of its heirs must have taken over a job from a manager."""
        view = self.view
        holder = None if manager is None else view.managers.get(manager)
        if not heirs or any(run.worker is holder for run in view.running.get(row.id, ())):
            return None
        beat = view.beats.get(row.id, row.heartbeat)
        silent = max(beat, self._ran.get(row.id, beat), (holder and holder.ended) or beat)

        def due(heir: tuple[WorkerView, Instant]) -> int:
            worker, since = heir
            return max(silent, since) + worker.heartbeat_timeout + worker.dequeue_timeout

        heir = min(heirs, key=due)

        def broken() -> Broken:
            return Broken(
                f"job {row.id} ({row.entrypoint}) stayed picked in the name of {_words(holder)}, "
                f"silent for {seconds(at - beat)} since {moment(beat)}, although {heir[0]} was "
                "idle and could take it over",
                "forever",
                jobs=(row.id,),
            )

        return Owed(Instant(due(heir) + self._grace), broken)


def _words(holder: WorkerView | None) -> str:
    if holder is None:
        return "a manager that nobody knows"
    return f"{holder}, which {'runs no handler for it' if holder.alive else 'has ended'}"
