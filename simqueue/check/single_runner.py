"""single-runner: no job runs twice at a time while its first worker is healthy."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.excuse import Leases, absent, rhythm_of_jobs
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import Running, View
from simqueue.check.wording import seconds, state
from simqueue.model.events import Entry, HandlerStarted, JobPicked, JobRequeued, JobRetried
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant


class SingleRunner(Invariant):
    """Judges each claim of a job that runs, and each start of one.

    A run whose lease was lost with an excuse has none from then on (see ``excuse``).
    """

    name: ClassVar[str] = "single-runner"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A job that a live, connected and unblocked worker runs is claimed by no other worker, "
            "and no worker starts it a second time beside its first run."
        ),
        reason=(
            "Most handlers are written as if they were alone with their job. PgQueuer gives a job "
            "away when its heartbeat is stale, so a healthy worker has to keep its jobs' "
            "heartbeats fresh, even if one statement is slow or rejected."
        ),
        no_violation=(
            "A first worker that was paused, whose loop was blocked, whose only connection broke, "
            "or whose heartbeats were rejected again and again: PgQueuer runs a job at least once, "
            "not at most once. A claim by a worker with a shorter `heartbeat_timeout`. A job that "
            "a client put back. A worker that claims its own job again and does not start it."
        ),
        advice=(
            "`stale` means that the job was claimed for its silence: read in the story what held "
            "up its heartbeats, and raise `heartbeat_timeout` if that may take so long. `fresh` "
            "means that it was put back while it ran, `own` that its own worker started it again. "
            "Make the handler idempotent in any case."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        JobPicked, HandlerStarted, JobRetried, JobRequeued, *Leases.sees, *RESTARTING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._leases = Leases(view)
        self._restarted = Instant(-1)

    def see(self, entry: Entry) -> Broken | None:
        """Judge claims and starts of jobs that run."""
        match entry.event:
            case JobPicked() as picked:
                runs = self.view.running.get(picked.job_id)
                return self._claimed(entry, picked, runs) if runs else None
            case HandlerStarted(job_id=job) as started:
                return self._started(entry, started) if job in self.view.running else None
            case JobRetried(job_id=job) | JobRequeued(job_id=job) as event:
                by_hand = isinstance(event, JobRequeued) or entry.worker not in self.view.workers
                if by_hand and job in self.view.running:
                    self._leases.forfeit(job, self.view.running[job])
            case event if isinstance(event, RESTARTING):
                if restarts_ids(event, "queue"):
                    self._leases.forfeit_all(self.view.running)
                    self._restarted = entry.at
            case _:
                self._leases.note(entry)
        return None

    def _claimed(self, entry: Entry, picked: JobPicked, runs: list[Running]) -> Broken | None:
        job = picked.job_id
        others = [run for run in runs if run.worker.name != entry.worker]
        held = [run for run in others if self._leases.holds(job, run)]
        wronged = [run for run in held if not self._excused(entry, picked, run)]
        if held:
            self._leases.forfeit(job, held)
        if not wronged:
            return None
        worker = wronged[0].worker
        text = f"job {job} was running on {worker} ({state(worker)}"
        if picked.stale:
            silent = seconds(entry.now - self._beat(picked, wronged[0]))
            return Broken(
                f"{text}, silent for {silent}) when {entry.worker} picked it",
                "stale",
                jobs=(job,),
            )
        return Broken(
            f"{text}) when {entry.worker} picked it, since somebody else had put it back",
            "fresh",
            jobs=(job,),
        )

    def _excused(self, entry: Entry, picked: JobPicked, run: Running) -> bool:
        worker = run.worker
        if not picked.stale:
            return absent(worker, entry.at)
        picker = self.view.managers.get(picked.manager)
        if picker is None or picker.heartbeat_timeout < worker.heartbeat_timeout:
            return True
        rhythm = rhythm_of_jobs(worker.heartbeat_timeout)
        return self._leases.excuses_silence(worker, self._beat(picked, run), entry.at, rhythm)

    def _beat(self, picked: JobPicked, run: Running) -> Instant:
        return self.view.beats.get(picked.job_id, run.since)

    def _started(self, entry: Entry, started: HandlerStarted) -> Broken | None:
        if started.job_id is None:
            return None
        worker = self.view.workers.get(entry.worker)
        for run in self.view.running[started.job_id]:
            if run.worker is worker and run.since > self._restarted:
                return Broken(
                    f"{worker} started job {started.job_id} a second time, while its first run, "
                    f"begun {seconds(entry.at - run.since)} before, still went on",
                    "own",
                    jobs=(started.job_id,),
                )
        return None
