"""Two schedulers at one tick: both run it.

Claim: each tick of a schedule runs once, with any number of schedulers. In PgQueuer 0.26.0
claiming a schedule does not set its heartbeat, which is still that of its last run. Until the
first heartbeat, up to a second later, the other scheduler sees the claim as abandoned (#536).
Affected: 0.26.0. Fixed in 0.26.1. Invariant: ``schedule-once``.

simqueue does not run with PgQueuer 0.26. So this scenario runs the installed PgQueuer with a
``fetch_schedule`` that does what 0.26.0's UPDATE did; ``fixed`` is the same application
without it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

from simqueue import InMemoryQueries
from simqueue.adapter.translation import build_schedules
from simqueue.model.events import SchedulePicked
from simqueue.store import Statement, decide_fetch_schedules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pgqueuer.models import CronExpressionEntrypoint, Schedule

    import simqueue
    from simqueue.model.events import StoreEvent
    from simqueue.model.ids import Duration, Instant, ScheduleId
    from simqueue.model.rows import ScheduleRow
    from simqueue.store import Tables

ID = "schedule-twice"
AFFECTED, FIXED = "0.26.0", "0.26.1"
INVARIANT = "schedule-once"
VARIANTS = ("running", "early")
FAULTS = "none"
RUNS_ON = "1.6.0"

STALE_US = 30_000_000


async def scenario(sim: simqueue.Simulation) -> None:
    """Read an inbox every minute on two workers whose claims set no heartbeat."""
    heartbeats = Heartbeats()

    def setup(pq: PgQueuer) -> None:
        pq.sm.queries = QueriesOf026(pq.connection, heartbeats=heartbeats)
        app(pq)

    await watch(sim, setup)


async def fixed(sim: simqueue.Simulation) -> None:
    """Do the same with the statement as it is today."""
    await watch(sim, app)


def app(pq: PgQueuer) -> None:
    """Register the application."""

    @pq.schedule("read_inbox", "* * * * *")
    async def read_inbox(schedule: Schedule) -> None:
        await asyncio.sleep(3)


async def watch(sim: simqueue.Simulation, setup: Callable[[PgQueuer], None]) -> None:
    """Run the application on two workers for some minutes."""
    for name in ("ada", "bob"):
        sim.worker(name, setup)
        await asyncio.sleep(sim.random.uniform(0, 5))
    await asyncio.sleep(10 * 60)


# --- the UPDATE of 0.26.0: as today's, without `heartbeat = NOW()` -------------------------------


@dataclass
class Heartbeats:
    """The heartbeat column as it would be if claims did not set it.

    ``claims`` holds, by schedule, the time of its last claim and its heartbeat before that.
    """

    claims: dict[ScheduleId, tuple[Instant, Instant]] = field(default_factory=dict)

    def of(self, row: ScheduleRow) -> Instant:
        """Return the last heartbeat of a schedule, or the time of its registration."""
        claimed, before = self.claims.get(row.id, (None, row.heartbeat))
        return before if row.heartbeat == claimed else row.heartbeat

    def decide(
        self, tables: Tables, now: Instant, registered: list[tuple[str, str, Duration]]
    ) -> list[StoreEvent]:
        """Claim schedules that are due or look abandoned."""
        events = decide_fetch_schedules(tables, now, registered)
        taken = {event.schedule_id for event in events if isinstance(event, SchedulePicked)}
        for expression, entrypoint, delay in registered:
            number = tables.schedules.by_name.get((expression, entrypoint))
            if number is None or number in taken or ("schedule", number) in tables.locks:
                continue
            row = tables.schedules.rows[number]
            if row.status == "picked" and now - self.of(row) > STALE_US:
                second = (now + delay) // 1_000_000 * 1_000_000
                events.append(SchedulePicked(number, row.next_run, second, stale=True))
                taken.add(number)
        for number in taken:
            self.claims[number] = now, self.of(tables.schedules.rows[number])
        return events


@dataclass
class QueriesOf026(InMemoryQueries):
    """The simulated queries, with the old claim."""

    heartbeats: Heartbeats = field(default_factory=Heartbeats)

    async def fetch_schedule(
        self, entrypoints: dict[CronExpressionEntrypoint, timedelta]
    ) -> list[Schedule]:
        """Claim the schedules that are due or look abandoned."""
        registered = [
            (str(key.expression), str(key.entrypoint), round(delay.total_seconds() * 1_000_000))
            for key, delay in entrypoints.items()
        ]
        claim = partial(self.heartbeats.decide, registered=registered)
        return build_schedules(*await self._run_dated(Statement("fetch_schedule", claim, _rows)))


def _rows(tables: Tables, now: Instant, events: list[StoreEvent]) -> list[ScheduleRow]:
    rows = tables.schedules.rows
    return [rows[event.schedule_id] for event in events if isinstance(event, SchedulePicked)]
