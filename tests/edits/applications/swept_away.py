"""A schedule bills what is in the cart, and empties it, whatever was put there meanwhile."""

import asyncio

from pgqueuer import PgQueuer
from pgqueuer.models import Job, Schedule

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    cart, billed = [], []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("order")
        async def order(job: Job) -> None:
            goods = job.payload
            await asyncio.sleep(0.05)
            cart.append(goods)

        @pq.schedule("bill", "* * * * * *")
        async def bill(schedule: Schedule) -> None:
            batch = list(cart)
            await asyncio.sleep(0.1)
            billed.extend(batch)
            cart.clear()

    for name in ("one", "two"):
        sim.worker(name, app, batch_size=2)
    await asyncio.sleep(0.8)
    for number in range(4):
        await sim.queries.enqueue("order", b"item %d" % number)
        await asyncio.sleep(1)
    await sim.settled()
    await asyncio.sleep(1.5)
    assert len(billed) == 4, "an item was never billed"
