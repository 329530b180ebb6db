"""A deploy during a long report: the other scheduler makes the same report.

Claim: each tick of a schedule runs once, even during deploys. A worker that is asked to stop
finishes its report, but in PgQueuer 1.5.0 it stops sending heartbeats for it at once. 30 s later
the report counts as abandoned, and the other worker makes it, too. Affected: 1.5.0 and older.
Fixed in 1.6.0, which sends heartbeats until schedules have ended. Invariant: ``schedule-once``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Schedule

    import simqueue

ID = "schedule-beats-stop"
AFFECTED, FIXED = "1.5.0", "1.6.0"
INVARIANT = "schedule-once"
VARIANTS = ("running", "early")
FAULTS = "none"

DEPLOYS = 3


async def scenario(sim: simqueue.Simulation) -> None:
    """Make a report every five minutes on two workers, and deploy them three times."""

    def app(pq: PgQueuer) -> None:
        @pq.schedule("report", "*/5 * * * *")
        async def report(schedule: Schedule) -> None:
            await asyncio.sleep(sim.random.uniform(20, 150))

        @pq.schedule("poll_inbox", "* * * * *")
        async def poll_inbox(schedule: Schedule) -> None:
            await asyncio.sleep(0.5)

    workers = [sim.worker("blue", app), sim.worker("green", app)]
    for deploy in range(DEPLOYS):
        await asyncio.sleep(sim.random.uniform(60, 400))
        worker = workers[deploy % 2]
        worker.stop()
        await worker.wait()
        worker.restart()
    await asyncio.sleep(120)
