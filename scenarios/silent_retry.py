"""A retried job that nobody is told about: it waits although its worker is idle.

Claim: a job that asked to be retried at once runs again within five seconds. Affected: PgQueuer up
to 1.6.0. The trigger that wakes workers is a statement-level one and never notifies for an UPDATE,
and a retry is an UPDATE: idle workers notice it when their ``dequeue_timeout`` (30 s) is over.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

PATIENCE = timedelta(seconds=5)


async def scenario(sim: simqueue.Simulation) -> None:
    """Let every third call of a handler fail once and ask for a retry."""
    asked: dict[int, timedelta] = {}
    waited: dict[int, timedelta] = {}

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("fetch")
        async def fetch(job: Job) -> None:
            await asyncio.sleep(0.3)
            if job.attempts == 0 and job.id % 3 == 0:
                asked[job.id] = sim.elapsed()
                raise RetryRequested
            if job.id in asked:
                waited[job.id] = sim.elapsed() - asked[job.id]

    sim.worker("worker", app)
    for _ in range(6):
        await sim.queries.enqueue("fetch", None)
        await asyncio.sleep(sim.random.uniform(0, 2))
    await sim.settled(timeout=timedelta(minutes=3))
    late = {job: wait for job, wait in waited.items() if wait > PATIENCE}
    assert not late, f"retried jobs waited for an idle worker: {late}"
