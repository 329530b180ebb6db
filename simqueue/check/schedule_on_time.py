"""schedule-on-time: a schedule is claimed when its tick comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken
from simqueue.check.owed import Liveness, Owed, latency, moment
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import seconds
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Duration, Instant, ScheduleId
from simqueue.model.rows import ScheduleRow

_RECENT = Duration(90_000_000)
"""For how long after a stall it may still lie behind what a worker sets."""
_LATE = Duration(10_000_000)
"""How long after a tick its claim may come, however fast the network is.

PgQueuer looks one second after a tick.
"""
_MINUTE = 60_000_000
_FIELDS = 5
_NEVER = Instant(0)


class ScheduleOnTime(Liveness):
    """Follows when schedulers look, and judges late claims.

    A scheduler looks, computes how long it is until the next tick of any of its schedules, and
    looks again one second after that. So it is at a tick in time if it looked before, and was done
    with that before the tick came; or else it is late if it looked after the tick and left the
    schedule where it was. A look that straddles a tick (``sm.py`` fetches first and computes the
    delay afterwards) misses it, and comes when the next one is due.

    What counts is a scheduler that registered the schedule, is able and runs no handler: one that
    does may have been ended by its own code (see ``Idle``). A ``next_run`` that was set by a
    process whose clock was wrong or that was held up, or before the world was calm, is no moment at
    which a scheduler looks. Every excuse ends when a scheduler has looked while the schedule was
    due and looks once more, since the server alone decides what is due.
    """

    name: ClassVar[str] = "schedule-on-time"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A schedule whose tick has come is claimed within ten seconds, or in a slower network "
            "eight times what a statement may take, while a scheduler could claim it."
        ),
        reason="A tick that is missed runs a period later.",
        no_violation=(
            "A scheduler that runs a handler, whose clock is wrong, or that started, was held up "
            "or had its clock set after its last look before the tick. A schedule that was still "
            "running at its tick. An expression with seconds, or a tick that is not on a whole "
            "minute. None of these is an excuse once a scheduler has looked while the schedule was "
            "due and looks again."
        ),
        advice=(
            "Read in the story when the schedulers looked and what they did at the tick. Let a "
            "scheduled task do all that is due since its last run, not only the work of one tick."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.SchedulePicked, e.ScheduleInserted, e.ScheduleReleased, e.ClockSet, e.WorkerStarted,
    )  # fmt: skip
    hears: ClassVar[tuple[str, ...]] = ("fetch_schedule",)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle = Idle.of(view)
        slow = latency(view.config)
        self._late = max(_LATE, 8 * slow)
        """How long after a tick its claim may come."""
        self._ahead = 2 * slow
        """How long before a tick a look must begin to be over by then."""
        self._looks: dict[str, tuple[Instant, Instant]] = {}
        self._clocks: dict[str, Instant] = {}
        self._queued: dict[ScheduleId, Instant] = {}
        """Since when a schedule waits for its tick."""
        self._trusted: dict[ScheduleId, bool] = {}
        """Whether its tick is one at which schedulers look."""

    def see(self, entry: Entry) -> Broken | None:
        """Track when each scheduler looks; judge a claim."""
        event, worker = entry.event, entry.worker
        broken: Broken | None = None
        match event:  # partial: only the events that it sees
            case e.StatementSent(name="fetch_schedule"):
                _, last = self._looks.get(worker, (_NEVER, _NEVER))
                self._looks[worker] = last, entry.at
            case e.SchedulePicked(number, due):
                if not event.stale:
                    broken = self._claimed(number, due, entry)
                self._queued.pop(number, None)
                self._trusted[number] = self._trusts(worker, entry.at)
            case e.ScheduleInserted(number):
                self._trusted[number] = self._trusts(worker, entry.at)
                self._queued[number] = entry.at
            case e.ScheduleReleased(number):
                self._queued[number] = entry.at
            case e.ClockSet():
                self._clocks[worker] = entry.at
            case e.WorkerStarted():
                self._looks.pop(worker, None)
        return broken

    def _trusts(self, name: str, at: Instant) -> bool:
        """Return whether the next run that a process sets now is a tick."""
        calm, worker = self.view.calm_since, self.view.workers.get(name)
        if calm is None or at < calm or worker is None or worker.skew:
            return False
        disturbed = max(self._idle.stalled(name), self._clocks.get(name, _NEVER))
        return disturbed == _NEVER or disturbed < at - _RECENT

    # --- what is owed ---

    def _claimed(self, number: ScheduleId, due: Instant, entry: Entry) -> Broken | None:
        if entry.now - due <= self._late:
            return None
        row = self.view.tables.schedules.rows[number]
        owed = self._owed(row, due, entry.now)
        return owed.broken() if owed is not None and entry.now > owed.due else None

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield the schedules whose tick has come and that a scheduler could claim."""
        for row in self.view.tables.schedules.rows.values():
            if row.status == "queued" and row.next_run <= now:
                owed = self._owed(row, row.next_run, now)
                if owed is not None:
                    yield owed

    def _owed(self, row: ScheduleRow, due: Instant, at: Instant) -> Owed | None:
        queued = self._queued.get(row.id)
        if queued is None:
            return None
        expected = self._is_expected(row, due, queued)
        begins = [
            (begin, worker)
            for worker in self.view.workers.values()
            if (row.entrypoint, row.expression) in worker.schedules
            and (begin := self._begin(worker, due, queued, at, expected=expected)) is not None
        ]
        if not begins:
            return None
        begin, worker = min(begins, key=lambda each: each[0])

        def broken() -> Broken:
            return Broken(
                f"schedule {row.entrypoint!r} ({row.expression}) was not claimed for its tick at "
                f"{moment(due)} within {seconds(at - due)} although {worker} could do so",
                schedules=(row.id,),
            )

        return Owed(Instant(begin + self._late), broken)

    def _is_expected(self, row: ScheduleRow, due: Instant, queued: Instant) -> bool:
        """Return whether schedulers look when a tick comes, and the schedule waits by then."""
        if queued > due or not self._trusted.get(row.id):
            return False
        return due % _MINUTE == 0 and len(row.expression.split()) == _FIELDS

    def _begin(
        self, worker: WorkerView, due: Instant, queued: Instant, at: Instant, *, expected: bool
    ) -> Instant | None:
        """Return since when a worker must have claimed a schedule; None if it need not."""
        present = self._present(worker, due, at) if expected else None
        if present is not None:
            return present
        idle = self._idle.since(worker, at)
        before, _ = self._looks.get(worker.name, (_NEVER, _NEVER))
        # It was done with that look when it looked again, and left a schedule that was due.
        if idle is None or before < due or before <= queued:
            return None
        return max(before, idle)

    def _present(self, worker: WorkerView, due: Instant, at: Instant) -> Instant | None:
        """Return since when a scheduler must know of a tick; None if it need not."""
        idle = self._idle.since(worker, at)
        if idle is None or worker.skew:
            return None
        name = worker.name
        before, last = self._looks.get(name, (_NEVER, _NEVER))
        disturbed = max(self._idle.stalled(name), self._clocks.get(name, _NEVER))
        if last == _NEVER or last < disturbed:
            return None
        if last < due:
            # It decided when to look again, unless it was still on its way at the tick.
            return max(due, idle) if last <= due - self._ahead else None
        if before >= due and before >= disturbed:
            return max(before, idle)
        knew = before != _NEVER and disturbed <= before <= due - self._ahead
        return max(due if knew else last, idle)
