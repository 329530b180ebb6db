"""A worker that runs out of memory: its jobs are never taken over.

Claim: a job whose worker died is run by another. An accounting system takes two invoices at a
time. A worker dies with both, and they still count as running. PgQueuer 1.0.1 takes abandoned
jobs over only while their entrypoint is below its limit, and these jobs fill that limit
themselves (#633). Affected: 1.0.1 and older. Fixed in 1.0.2. Invariant: ``no-orphan``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "recovery-gated"
AFFECTED, FIXED = "1.0.1", "1.0.2"
INVARIANT = "no-orphan"
VARIANTS = ("forever",)
FAULTS = "none"

INVOICES = 20


async def scenario(sim: simqueue.Simulation) -> None:
    """Book invoices in a worker that is killed once and restarted."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("book_invoice", concurrency_limit=2)
        async def book_invoice(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.5, 3))

    worker = sim.worker("worker", app, restart="always")
    await sim.queries.enqueue(["book_invoice"] * INVOICES, [None] * INVOICES, [0] * INVOICES)
    await asyncio.sleep(sim.random.uniform(1, 20))
    worker.crash()  # the kernel's out-of-memory killer
    await sim.settled(timeout=timedelta(minutes=10))
