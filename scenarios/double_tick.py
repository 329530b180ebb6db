"""A deploy at the wrong moment: one tick of a schedule runs twice.

Claim: each tick of a schedule runs once, with any number of schedulers and deploys. A scheduler
computes the delay to a schedule's next run before it sends the statement that claims due
schedules. If the tick passes in between, the next run of the claimed schedule is set to the same
tick again. Affected: PgQueuer up to 1.6.0. Invariant: ``schedule-once``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Schedule

    import simqueue

ID = "double-tick"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "schedule-once"
VARIANTS = ("",)
FAULTS = "none"

DEPLOYS = 20


async def scenario(sim: simqueue.Simulation) -> None:
    """Run a schedule of every second on two workers while they are deployed in turn."""

    def app(pq: PgQueuer) -> None:
        @pq.schedule("poll_payments", "* * * * * *")
        async def poll_payments(schedule: Schedule) -> None:
            await asyncio.sleep(0.05)

    workers = [sim.worker("blue", app), sim.worker("green", app)]
    for deploy in range(DEPLOYS):
        await asyncio.sleep(sim.random.uniform(1, 5))
        worker = workers[deploy % 2]
        worker.stop()
        await worker.wait()
        worker.restart()
    await asyncio.sleep(5)
