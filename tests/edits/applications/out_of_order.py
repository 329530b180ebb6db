"""A payment that overtakes the order it is for is forgotten."""

import asyncio

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    orders = {}

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("create")
        async def create(job: Job) -> None:
            number = job.payload
            await asyncio.sleep(0.01)
            orders[number] = "open"

        @pq.entrypoint("pay")
        async def pay(job: Job) -> None:
            if job.payload in orders:
                orders[job.payload] = "paid"

    for name in ("one", "two", "three"):
        sim.worker(name, app, batch_size=1)
    for number in (b"1", b"2", b"3", b"4"):
        await sim.queries.enqueue("create", number)
        await asyncio.sleep(0.1)
        await sim.queries.enqueue("pay", number)
        await asyncio.sleep(0.1)
    await sim.settled()
    assert set(orders.values()) == {"paid"}, "a payment was forgotten"
