"""One schedule heartbeat that fails: two workers make the same report.

Claim: each tick of a schedule runs once. In PgQueuer 1.5.0 the loop that sends heartbeats for
running schedules ends for good when one of its statements fails, without an error in the log.
30 s later every long schedule of that worker counts as abandoned. Affected: 1.5.0 and older.
Fixed in 1.6.0, which logs the error and goes on. Invariant: ``schedule-once``
(``no-silent-error`` reports the failed task, too). Faults: statements fail.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Schedule

    import simqueue

ID = "schedule-beats-die"
AFFECTED, FIXED = "1.5.0", "1.6.0"
INVARIANT = "schedule-once"
VARIANTS = ("running", "early")
FAULTS = "fail"


async def scenario(sim: simqueue.Simulation) -> None:
    """Make a report every two minutes on two workers."""

    def app(pq: PgQueuer) -> None:
        @pq.schedule("report", "*/2 * * * *")
        async def report(schedule: Schedule) -> None:
            await asyncio.sleep(sim.random.uniform(50, 110))

        @pq.schedule("poll_inbox", "* * * * *")
        async def poll_inbox(schedule: Schedule) -> None:
            await asyncio.sleep(0.5)

    for name in ("blue", "green"):
        # If a failing statement ends a worker, it is restarted, as by systemd.
        sim.worker(name, app, restart="always")
    await asyncio.sleep(10 * 60)
