"""A library that blocks the loop: a worker takes its own running job for an abandoned one.

Claim: a job does not run twice at a time while its first runner lives. Thumbnails are made by a
library that computes for many seconds without awaiting anything, so heartbeats of the uploads
beside it are late. When the loop is free again, PgQueuer 1.4.0 may ask for work before it sends
them, and gets the very uploads that it is in the middle of. Affected: 1.4.0 and older. Fixed in
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
            time.sleep(sim.random.uniform(1, 40))  # noqa: ASYNC251  as the library does

    sim.worker("media", app)
    for _ in range(6):
        await sim.queries.enqueue("upload", None)
        await asyncio.sleep(sim.random.uniform(0, 20))
        await sim.queries.enqueue("thumbnail", None)
    await sim.settled(timeout=timedelta(minutes=10))
