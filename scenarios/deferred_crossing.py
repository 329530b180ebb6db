"""A job that becomes due between two queries: it waits although its worker is idle.

Claim: a due job does not wait while a worker is idle. Before it waits, a worker queries whether
a job is eligible, and then when the next deferred job becomes due. A job that becomes due between
these queries is not yet eligible for the first and no longer deferred for the second. If no other
job is deferred, a third query finds it. If one is, even for next week, the worker waits for its
``dequeue_timeout`` of 30 s. Affected: PgQueuer up to 1.6.0; 1.3.0 left this part of #695 open.
Invariant: ``no-starvation``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

import simqueue

if TYPE_CHECKING:
    from pgqueuer.models import Job


ID = "deferred-crossing"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "no-starvation"
VARIANTS = ("deferred",)
FAULTS = "none"
CONFIG = simqueue.Config(without=("entrypoints-run",))  # one job is due long after the run

ORDERS = 25


async def scenario(sim: simqueue.Simulation) -> None:
    """Take orders: pack each at once, confirm it soon after, ask for a review a week later."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("pack_order")
        async def pack_order(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.5, 4))

        @pq.entrypoint("confirm_order")
        async def confirm_order(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(0.1, 1))

        @pq.entrypoint("ask_for_review")
        async def ask_for_review(job: Job) -> None:
            await asyncio.sleep(0.1)

    sim.worker("worker", app)
    soon, later = timedelta(seconds=2), timedelta(days=7)
    for _ in range(ORDERS):
        await sim.queries.enqueue("pack_order", None)
        await sim.queries.enqueue("confirm_order", None, execute_after=soon)
        await sim.queries.enqueue("ask_for_review", None, execute_after=later)
        await asyncio.sleep(sim.random.uniform(1, 45))
    await asyncio.sleep(45)
