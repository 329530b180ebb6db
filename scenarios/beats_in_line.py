"""One slow statement: all jobs of a worker count as abandoned, and another runs them again.

Claim: a job does not run a second time while its first worker is alive. A worker sends the
heartbeats of all its jobs in one UPDATE at a time. While that waits for a lock or a disk, no
other is sent, and 30 s after their last heartbeat any worker may take the jobs over. Affected:
PgQueuer up to 1.6.0. Invariant: ``single-runner``. Faults: statements are slow.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "beats-in-line"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "single-runner"
VARIANTS = ("stale",)
FAULTS = "slow"

EXPORTS = 16


async def scenario(sim: simqueue.Simulation) -> None:
    """Export accounts on two workers, some minutes each."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("export_account")
        async def export_account(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(60, 240))

    for name in ("ada", "bob"):
        sim.worker(name, app, restart="always", dequeue_timeout=timedelta(seconds=10))
    for _ in range(EXPORTS):
        await sim.queries.enqueue("export_account", None)
        await asyncio.sleep(sim.random.uniform(0, 10))
    await sim.settled(timeout=timedelta(minutes=30))
