"""A library that blocks the loop: a worker takes its own running job for an abandoned one.

Claim: a job does not run a second time while its first worker is alive. A library makes thumbnails
and computes for many seconds without awaiting anything, so heartbeats of the uploads beside it are
late. When the loop is free again, PgQueuer 1.4.0 may dequeue before it sends the heartbeats, and
then claims the uploads that the same worker is running. Affected: 1.4.0 and older. Fixed in
1.5.0, which skips jobs that it runs. Invariant: ``single-runner``.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "own-repick"
AFFECTED, FIXED = "1.4.0", "1.5.0"
INVARIANT = "single-runner"
VARIANTS = ("own",)
FAULTS = "none"


async def scenario(sim: simqueue.Simulation) -> None:
    """Upload videos, and make thumbnails beside them, in one worker."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("upload")
        async def upload(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(30, 90))

        @pq.entrypoint("thumbnail")
        async def thumbnail(job: Job) -> None:
            time.sleep(sim.random.uniform(1, 40))  # noqa: ASYNC251  like the library

    sim.worker("media", app)
    for _ in range(6):
        await sim.queries.enqueue("upload", None)
        await asyncio.sleep(sim.random.uniform(0, 20))
        await sim.queries.enqueue("thumbnail", None)
    await sim.settled(timeout=timedelta(minutes=10))
