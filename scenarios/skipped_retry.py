"""A retried job that its own worker claims and then skips: it does not run for half a minute.

Claim: a job that requested an immediate retry runs again soon. PgQueuer 1.5.0 skips a claimed job
if the same worker is running it. But a retried job counts as running until its task has ended, and
over a pool of connections the worker may claim it before it has the reply to the statement that
put it back. Then the job stays picked, and its handler is not called, until its heartbeat is stale.
Affected: 1.5.0. Fixed in 1.6.0, which forgets the job before it puts it back. Invariant:
``no-orphan``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "skipped-retry"
AFFECTED, FIXED = "1.5.0", "1.6.0"
INVARIANT = "no-orphan"
FAULTS = "none"
VARIANTS = ("skipped",)

PAGES, ATTEMPTS = 40, 3


async def scenario(sim: simqueue.Simulation) -> None:
    """Fetch pages from a site that often answers too late; look for work every two seconds."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("fetch_page")
        async def fetch_page(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.1, 0.5))
            if job.attempts + 1 < ATTEMPTS and sim.chance(0.5):
                raise RetryRequested(reason="504 Gateway Timeout")

    sim.worker("worker", app, pool=4, dequeue_timeout=timedelta(seconds=2))
    for _ in range(PAGES):
        await sim.queries.enqueue("fetch_page", None)
        await asyncio.sleep(sim.random.uniform(0, 0.3))
    await sim.settled(timeout=timedelta(minutes=3))
