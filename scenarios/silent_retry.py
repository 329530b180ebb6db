"""A retried job without a notification: it waits although its worker is idle.

Claim: a due job does not wait while a worker is idle. The trigger that wakes workers is a
statement-level trigger and never notifies for an UPDATE, and a retry is an UPDATE. Idle workers
notice it only after their ``dequeue_timeout`` (30 s). Affected: PgQueuer up to 1.6.0.
Invariant: ``no-starvation``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "update-is-silent"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "no-starvation"
VARIANTS = ("retried",)
FAULTS = "none"

PAGES = 6


async def scenario(sim: simqueue.Simulation) -> None:
    """Fetch pages from a site that sometimes answers too late."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("fetch_page")
        async def fetch_page(job: Job) -> None:
            await asyncio.sleep(0.3)
            if job.attempts == 0 and sim.random.random() < 1 / 3:
                raise RetryRequested(reason="504 Gateway Timeout")

    sim.worker("worker", app)
    for _ in range(PAGES):
        await sim.queries.enqueue("fetch_page", None)
        await asyncio.sleep(sim.random.uniform(0, 2))
    await sim.settled(timeout=timedelta(minutes=3))
