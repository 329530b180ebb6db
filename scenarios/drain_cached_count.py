"""A nightly batch that ends too early: a mail that requested a retry is left behind.

Claim: a worker in drain mode ends when the queue is empty. PgQueuer 1.2.0 uses a count that may
be 250 ms old. At that time all mails were being sent; since then one of them was throttled and
went back to the queue (#692). Affected: 1.2.0. Fixed in 1.3.0, which counts again
before it ends. Invariant: ``drain-means-done``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested
from pgqueuer.domain.types import QueueExecutionMode

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "drain-cached-count"
AFFECTED, FIXED = "1.2.0", "1.3.0"
INVARIANT = "drain-means-done"
VARIANTS = ("retried",)
FAULTS = "none"

MAILS = 20
THROTTLED = 0.4


async def scenario(sim: simqueue.Simulation) -> None:
    """Send the night's mails through a provider that throttles some of them."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("send_mail")
        async def send_mail(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.05, 0.5))
            if sim.random.random() < THROTTLED:
                raise RetryRequested(delay=timedelta(seconds=1), reason="429 Too Many Requests")

    await sim.queries.enqueue(["send_mail"] * MAILS, [b"newsletter"] * MAILS, [0] * MAILS)
    nightly = sim.worker("nightly", app, mode=QueueExecutionMode.drain)
    await nightly.wait()
