"""schedule-once: a tick of a schedule runs once."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.excuse import SCHEDULES, Leases, absent
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.resets import RESTARTING, restarts_ids
from simqueue.check.view import Running, View
from simqueue.check.wording import seconds, state
from simqueue.model.events import Entry, ScheduleDeleted, SchedulePicked, ScheduleReleased
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, ScheduleId


class ScheduleOnce(Invariant):
    """Judges two claims of one tick, and a claim beside a run.

    A schedule that was taken from a holder with an excuse may be claimed again beside its run.
    """

    name: ClassVar[str] = "schedule-once"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "No schedule is claimed twice for the same tick, nor while a live scheduler still runs "
            "it."
        ),
        reason=(
            "A schedule's row is the lock that keeps several schedulers from running one tick "
            "twice, and its heartbeat says that its holder is alive."
        ),
        no_violation=(
            "A takeover from a holder that has sent no heartbeat for 30 seconds and has ended, was "
            "paused, had its loop blocked, or lost its connection. From then on the schedule may "
            "be claimed again beside that run."
        ),
        advice=(
            "Without a further word in the signature one tick was claimed twice. `early` means "
            "that a schedule was taken over before 30 seconds of silence, `running` that a healthy "
            "scheduler lost the schedule it was running, `own` that it claimed that schedule again "
            "itself, `released` that another one had released it. Make the scheduled work "
            "idempotent for each tick."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        SchedulePicked, ScheduleReleased, ScheduleDeleted, *Leases.sees, *RESTARTING,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._claims: dict[ScheduleId, tuple[Instant, Entry]] = {}
        self._leases = Leases(view)

    def see(self, entry: Entry) -> Broken | None:
        """Track claims; judge a second one for the same tick, and one beside a run."""
        match entry.event:
            case SchedulePicked() as picked:
                # Both are called, since each updates its state.
                verdicts = self._claimed(entry, picked), self._beside(entry, picked)
                return verdicts[0] or verdicts[1]
            case ScheduleReleased(schedule_id=schedule):
                ticking = self.view.ticking.get(schedule)
                if ticking and entry.worker not in self.view.workers:
                    self._leases.forfeit(schedule, ticking)
            case ScheduleDeleted(schedule_id=schedule):
                self._claims.pop(schedule, None)
            case event if isinstance(event, RESTARTING):
                if restarts_ids(event, "schedules"):
                    self._claims.clear()
                    self._leases.forfeit_all(self.view.ticking)
            case _:
                self._leases.note(entry)
        return None

    # --- one tick, two claims ---

    def _claimed(self, entry: Entry, picked: SchedulePicked) -> Broken | None:
        claim = self._claims.get(picked.schedule_id)
        # A takeover runs the tick of the first claim, and leaves the next one.
        tick = claim[0] if picked.stale and claim is not None else picked.due
        self._claims[picked.schedule_id] = tick, entry
        if claim is None:
            return None
        if picked.stale:
            silent = entry.now - self.view.schedule_beats.get(picked.schedule_id, Instant(0))
            if silent > SCHEDULES.timeout:
                return None
            return Broken(
                f"{self._named(picked)} was claimed by {claim[1].worker}, and taken over by "
                f"{entry.worker} {seconds(silent)} after its last beat, as if it were abandoned",
                "early",
                schedules=(picked.schedule_id,),
            )
        if claim[0] != picked.due:
            return None
        return Broken(self._complaint(picked, entry, claim[1]), schedules=(picked.schedule_id,))

    def _complaint(self, event: SchedulePicked, second: Entry, first: Entry) -> str:
        apart = (second.at - first.at) / 1_000_000
        return (
            f"{self._named(event)} was claimed twice for its tick at "
            f"+{event.due / 1_000_000:g}s: by {first.worker} at +{first.at / 1_000_000:.6f}s and "
            f"by {second.worker} {apart:.6f} s later"
        )

    def _named(self, event: SchedulePicked) -> str:
        row = self.view.tables.schedules.rows[event.schedule_id]
        return f"schedule {row.entrypoint!r} ({row.expression})"

    # --- a claim beside a run ---

    def _beside(self, entry: Entry, picked: SchedulePicked) -> Broken | None:
        schedule = picked.schedule_id
        ticking = self.view.ticking.get(schedule)
        held = [run for run in ticking or () if self._leases.holds(schedule, run)]
        if not held:
            return None
        beat = self.view.schedule_beats.get(schedule, held[0].since)
        wronged = [run for run in held if not self._excused(entry, picked, run, beat)]
        self._leases.forfeit(schedule, held)
        if not wronged:
            return None
        worker = wronged[0].worker
        text = f"{self._named(picked)} was running on {worker} ({state(worker)}"
        if picked.stale:
            silent = seconds(entry.now - beat)
            own = worker.name == entry.worker
            return Broken(
                f"{text}, silent for {silent}) when {'it' if own else entry.worker} claimed it",
                "own" if own else "running",
                schedules=(schedule,),
            )
        return Broken(
            f"{text}) when {entry.worker} claimed it, since another scheduler had released it",
            "released",
            schedules=(schedule,),
        )

    def _excused(self, entry: Entry, picked: SchedulePicked, run: Running, beat: Instant) -> bool:
        if not picked.stale:
            return absent(run.worker, entry.at)
        return self._leases.excuses_silence(run.worker, beat, entry.at, SCHEDULES)
