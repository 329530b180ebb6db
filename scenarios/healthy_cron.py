"""A healthy application: schedules of three kinds on two workers.

Claim: every tick runs, and runs once. Without faults simqueue may find only real bugs of the
installed PgQueuer here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Schedule

    import simqueue

ID = "healthy-cron"
FAULTS = "none"

MINUTES = 20


async def scenario(sim: simqueue.Simulation) -> None:
    """Run schedules; the longest takes longer than a claim lasts without heartbeats."""
    fired = Counter[str]()

    def app(pq: PgQueuer) -> None:
        @pq.schedule("poll_inbox", "* * * * *")
        async def poll_inbox(schedule: Schedule) -> None:
            fired["poll_inbox"] += 1
            await asyncio.sleep(sim.random.uniform(0.1, 10))

        @pq.schedule("report", "*/5 * * * *")
        async def report(schedule: Schedule) -> None:
            fired["report"] += 1
            await asyncio.sleep(sim.random.uniform(40, 200))

        @pq.schedule("sweep", "10 * * * *")
        async def sweep(schedule: Schedule) -> None:
            fired["sweep"] += 1

    # The last tick has at least ten seconds to be noticed.
    await asyncio.sleep(sim.random.uniform(15, 55))
    for name in ("blue", "green"):
        sim.worker(name, app)
        await asyncio.sleep(sim.random.uniform(0, 3))
    await asyncio.sleep(MINUTES * 60)
    wanted = {"poll_inbox": 20, "report": 4, "sweep": 1}
    assert fired == wanted, f"ticks: {dict(fired)}, not {wanted}"
