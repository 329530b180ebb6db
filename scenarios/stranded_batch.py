"""A shutdown in the middle of a batch: some claimed jobs are never run.

Claim: a worker that shut down gracefully holds no job. Between two jobs of a batch PgQueuer 1.2.0
checks for a shutdown; if there is one, it drops the rest of the batch, which stays picked (#693).
Affected: 1.2.0 and older. Fixed in 1.3.0. Invariant: ``no-orphan``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "stranded-batch"
AFFECTED, FIXED = "1.2.0", "1.3.0"
INVARIANT = "no-orphan"
VARIANTS = ("",)
FAULTS = "none"

DEPLOYS = 8


async def scenario(sim: simqueue.Simulation) -> None:
    """Deploy a worker several times while mails are being sent."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("send_mail")
        async def send_mail(job: Job) -> None:
            await asyncio.sleep(0.01)

    worker = sim.worker("worker", app, batch_size=10)
    for _ in range(DEPLOYS):
        await sim.queries.enqueue(["send_mail"] * 5, [None] * 5, [0] * 5)
        await asyncio.sleep(sim.random.uniform(0, 0.2))
        worker.stop()
        await worker.wait()
        worker.restart()
    await sim.settled(timeout=timedelta(minutes=2))
