"""A retry that cannot be saved: the job is deleted instead.

Claim: a job whose handler requested a retry runs again. If the statement that puts it back
fails, even temporarily, PgQueuer treats that as a failure of the job, logs ``exception`` and
deletes it. Affected: PgQueuer up to 1.6.0. Invariant: ``status-is-true``. Faults:
statements fail.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "retry-lost"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "status-is-true"
VARIANTS = ("retry-lost",)
FAULTS = "fail"

HOOKS = 30


async def scenario(sim: simqueue.Simulation) -> None:
    """Deliver web hooks to customers whose servers are down most of the time."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("deliver_hook")
        async def deliver_hook(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.05, 0.5))
            if sim.chance(0.7):
                raise RetryRequested(delay=timedelta(seconds=2 ** min(job.attempts, 5)))

    for name in ("ada", "bob"):
        # If a failing statement ends a worker, it is restarted, as by systemd.
        sim.worker(name, app, restart="always")
    await sim.queries.enqueue(["deliver_hook"] * HOOKS, [b"{}"] * HOOKS, [0] * HOOKS)
    await sim.settled(timeout=timedelta(minutes=30))
