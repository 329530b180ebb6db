"""A shutdown in the middle of a batch: the jobs that were claimed with it run nowhere.

Claim: a worker that shut down gracefully holds no job. Invariant: ``no-orphan``. Affected: PgQueuer
1.2.0 and older; fixed in 1.3.0, where this scenario finds nothing.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

JOBS = 40


async def scenario(sim: simqueue.Simulation) -> None:
    """Deploy a worker again and again while mails are being sent."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("send_mail")
        async def send_mail(job: Job) -> None:
            await asyncio.sleep(0.01)

    worker = sim.worker("worker", app, batch_size=10)
    for _ in range(8):
        await sim.queries.enqueue(["send_mail"] * 5, [None] * 5, [0] * 5)
        await asyncio.sleep(sim.random.uniform(0, 0.2))
        worker.stop()
        await worker.wait()
        worker.restart()
    await sim.settled(timeout=timedelta(minutes=2))
