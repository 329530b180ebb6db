"""A limit of one at a time: two workers dequeue at the same moment.

Claim: an entrypoint's ``concurrency_limit`` holds across workers. In PgQueuer 1.3.2 two dequeues
that overlap each count the running jobs in their own snapshot and find a free slot; SKIP LOCKED
lets the second take the next row (#761). Affected: 1.3.2 and older. Fixed in 1.4.0, which uses
a unique index over numbered slots. Invariant: ``concurrency-limit``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "overlap-overshoot"
AFFECTED, FIXED = "1.3.2", "1.4.0"
INVARIANT = "concurrency-limit"
FAULTS = "none"

PAYMENTS = 10


async def scenario(sim: simqueue.Simulation) -> None:
    """Send payments to a bank from two workers."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("pay", concurrency_limit=1)
        async def pay(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.1, 1))

    for name in ("ada", "bob"):
        sim.worker(name, app)
    for _ in range(PAYMENTS):
        await sim.queries.enqueue("pay", b"100.00 EUR")
        await asyncio.sleep(sim.random.uniform(0, 1))
    await sim.settled(timeout=timedelta(minutes=5))
