"""schedule-once: a tick of a schedule runs once."""

from __future__ import annotations

from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.view import View
from simqueue.model.events import DatabaseDropped, Entry, ScheduleDeleted, SchedulePicked
from simqueue.model.ids import Instant, ScheduleId


class ScheduleOnce(Invariant):
    """No schedule is claimed twice for the same tick.

    A schedule's row is the lock that keeps several schedulers from running one tick twice. It is
    not a violation when a scheduler takes over a schedule whose holder has stopped beating: that
    claim is marked stale, and the first one may never have finished.
    """

    name: ClassVar[str] = "schedule-once"
    reason: ClassVar[str] = (
        "each tick of a schedule must run once, however many schedulers there are"
    )
    sees: ClassVar[tuple[type, ...]] = (SchedulePicked, ScheduleDeleted, DatabaseDropped)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._claims: dict[ScheduleId, tuple[Instant, Entry]] = {}

    def see(self, entry: Entry) -> Broken | None:
        """Remember a claim; complain about a second one for the same tick."""
        event = entry.event
        if not isinstance(event, SchedulePicked):
            self._claims.clear()
            return None
        claim = self._claims.get(event.schedule_id)
        self._claims[event.schedule_id] = event.due, entry
        if event.stale or claim is None or claim[0] != event.due:
            return None
        return Broken(self._complaint(event, entry, claim[1]))

    def _complaint(self, event: SchedulePicked, second: Entry, first: Entry) -> str:
        row = self.view.tables.schedules.rows[event.schedule_id]
        apart = (second.at - first.at) / 1_000_000
        return (
            f"schedule {row.entrypoint!r} ({row.expression}) was claimed twice for its tick at "
            f"+{event.due / 1_000_000:g}s: by {first.worker} at +{first.at / 1_000_000:.6f}s and "
            f"by {second.worker} {apart:.6f} s later"
        )
