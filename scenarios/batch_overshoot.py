"""A limit of three at a time: one dequeue takes more jobs than there are free slots.

Claim: an entrypoint's ``concurrency_limit`` holds. PgQueuer 1.2.0 takes a whole batch, as large
as the limit, whenever fewer jobs than the limit are running (#696): one worker alone exceeds it.
Affected: 1.2.0 and older. Fixed in 1.3.0, which takes only as many as are free. Invariant:
``concurrency-limit``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "batch-overshoot"
AFFECTED, FIXED = "1.2.0", "1.3.0"
INVARIANT = "concurrency-limit"
FAULTS = "none"

IMAGES = 12


async def scenario(sim: simqueue.Simulation) -> None:
    """Make thumbnails, three at a time to save memory."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("thumbnail", concurrency_limit=3)
        async def thumbnail(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.2, 2))

    sim.worker("media", app)
    for _ in range(IMAGES):
        await sim.queries.enqueue("thumbnail", None)
        await asyncio.sleep(sim.random.uniform(0, 1))
    await sim.settled(timeout=timedelta(minutes=5))
