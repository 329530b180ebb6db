"""A healthy application: a shop with several workers, retries, held jobs, dedupe keys and deploys.

Claim: nothing goes wrong. Without faults simqueue may find only real bugs of the installed
PgQueuer here. The shop works around one: workers are not notified of a retry, so its workers
look for jobs every five seconds (``dequeue_timeout``).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer, RetryRequested
from pgqueuer.errors import DuplicateJobError

if TYPE_CHECKING:
    from pgqueuer.models import Job, Schedule

    import simqueue

ID = "healthy-shop"
FAULTS = "none"

ORDERS, DEPLOYS = 30, 4
WORKERS = ("ada", "bob", "cyd")


class CardError(Exception):
    """The bank declines the payment."""


class Shop:
    """The shop's other systems, and what they recorded."""

    def __init__(self, sim: simqueue.Simulation) -> None:
        self.sim = sim
        self.charged: list[bytes] = []
        self.declined: set[bytes] = set()

    def app(self, pq: PgQueuer) -> None:
        """Register the application."""
        random = self.sim.random

        @pq.entrypoint("charge", concurrency_limit=4, on_failure="hold")
        async def charge(job: Job) -> None:
            assert job.payload is not None
            await asyncio.sleep(random.uniform(0.1, 1))
            if job.payload in self.declined:
                raise CardError(job.payload)
            if random.random() < 0.1:  # noqa: PLR2004
                raise RetryRequested(delay=timedelta(seconds=2**job.attempts))
            self.charged.append(job.payload)
            await self.sim.queries.enqueue("send_mail", job.payload, priority=1)

        @pq.entrypoint("send_mail")
        async def send_mail(job: Job) -> None:
            await asyncio.sleep(random.uniform(0.05, 0.3))

        @pq.entrypoint("reindex", concurrency_limit=1)
        async def reindex(job: Job) -> None:
            await asyncio.sleep(random.uniform(1, 5))

        @pq.schedule("close_carts", "* * * * *")
        async def close_carts(schedule: Schedule) -> None:
            await asyncio.sleep(random.uniform(0.5, 5))


async def scenario(sim: simqueue.Simulation) -> None:
    """Take orders for some minutes, and deploy in between."""
    shop = Shop(sim)
    workers = [sim.worker(name, shop.app, dequeue_timeout=timedelta(seconds=5)) for name in WORKERS]
    orders = [f"order {number}".encode() for number in range(ORDERS)]
    shop.declined.update(order for order in orders if sim.chance(0.1))
    deploys = asyncio.create_task(deploy(sim, workers))
    for order in orders:
        await sim.queries.enqueue("charge", order)
        await reindex_soon(sim)
        await asyncio.sleep(sim.random.uniform(0, 3))
    await deploys
    await sim.settled(timeout=timedelta(minutes=10))
    held = await sim.queries.list_failed_jobs()
    assert {job.payload for job in held} == shop.declined
    assert sorted(shop.charged) == sorted(set(orders) - shop.declined)


async def reindex_soon(sim: simqueue.Simulation) -> None:
    """Request a new search index, unless a request is queued already."""
    try:
        await sim.queries.enqueue(
            "reindex", None, execute_after=timedelta(seconds=5), dedupe_key="reindex"
        )
    except DuplicateJobError:
        sim.log.debug("reindex is asked for already")


async def deploy(sim: simqueue.Simulation, workers: list[simqueue.Worker]) -> None:
    """Stop and restart one worker after the other."""
    for number in range(DEPLOYS):
        await asyncio.sleep(sim.random.uniform(5, 20))
        worker = workers[number % len(workers)]
        worker.stop()
        await worker.wait()
        worker.restart()
