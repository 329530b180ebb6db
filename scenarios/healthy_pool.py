"""A healthy application: workers whose statements go over a pool of connections.

Claim: nothing goes wrong. Without faults simqueue may find only real bugs of the installed
PgQueuer here. Workers are not notified of a retry, so these look for jobs every five
seconds (``dequeue_timeout``).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "healthy-pool"
FAULTS = "none"

PHOTOS = 40


async def scenario(sim: simqueue.Simulation) -> None:
    """Make thumbnails of photos, and notify their owners."""
    notified: list[bytes] = []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("thumbnail", concurrency_limit=5)
        async def thumbnail(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.1, 2))
            if sim.random.random() < 0.1:  # noqa: PLR2004
                raise RetryRequested(delay=timedelta(seconds=1))
            await sim.queries.enqueue("tell_owner", job.payload)

        @pq.entrypoint("tell_owner")
        async def tell_owner(job: Job) -> None:
            assert job.payload is not None
            await asyncio.sleep(0.1)
            notified.append(job.payload)

    for name in ("ada", "bob"):
        sim.worker(name, app, pool=4, dequeue_timeout=timedelta(seconds=5))
    photos = [f"photo {number}".encode() for number in range(PHOTOS)]
    for photo in photos:
        await sim.queries.enqueue("thumbnail", photo)
        await asyncio.sleep(sim.random.uniform(0, 1))
    await sim.settled(timeout=timedelta(minutes=10))
    assert sorted(notified) == sorted(photos)
