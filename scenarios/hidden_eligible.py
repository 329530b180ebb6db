"""A reminder for tomorrow delays today's work: eligible jobs wait although the worker is idle.

Claim: a due job does not wait while a worker is idle. A CRM takes one call at a time. A call
that it rejects goes back to the queue by an UPDATE, which notifies nobody. The calls behind it
may run now, and PgQueuer would look again after 100 ms, because there is work. But 1.2.0 does
so only if no job at all is deferred: because of the reminder it waits for its
``dequeue_timeout`` of 30 s (#695). Affected: 1.2.0. Fixed in 1.3.0, which looks for eligible jobs
first. Invariant: ``no-starvation``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested

import simqueue

if TYPE_CHECKING:
    from pgqueuer.models import Job


ID = "hidden-eligible"
AFFECTED, FIXED = "1.2.0", "1.3.0"
INVARIANT = "no-starvation"
VARIANTS = ("enqueued",)
FAULTS = "none"
CONFIG = simqueue.Config(without=("entrypoints-run",))  # one job is due long after the run

CALLS = 60
TURNED_DOWN = 0.2


async def scenario(sim: simqueue.Simulation) -> None:
    """Send customers to a CRM for a minute, while a reminder is due tomorrow."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("remind")
        async def remind(job: Job) -> None:
            await asyncio.sleep(0.1)

        @pq.entrypoint("update_crm", concurrency_limit=1)
        async def update_crm(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.5, 3))
            if sim.random.random() < TURNED_DOWN:
                raise RetryRequested(delay=timedelta(seconds=5), reason="503 Service Unavailable")

    await sim.queries.enqueue("remind", None, execute_after=timedelta(days=1))
    sim.worker("worker", app)
    await sim.queries.enqueue(["update_crm"] * CALLS, [None] * CALLS, [0] * CALLS)
    await asyncio.sleep(60)  # the jobs take longer than that
