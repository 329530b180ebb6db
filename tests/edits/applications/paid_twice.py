"""A payment is made again when its worker died before it could say that it was made."""

import asyncio
from datetime import timedelta

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    paid = []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("pay")
        async def pay(job: Job) -> None:
            due = job.payload
            await asyncio.sleep(0.05)
            paid.append(due)
            await asyncio.sleep(0.05)

    for name in ("one", "two"):
        sim.worker(name, app, heartbeat_timeout=timedelta(seconds=1), batch_size=2)
    for number in range(5):
        await sim.queries.enqueue("pay", b"bill %d" % number)
        await asyncio.sleep(0.3)
    await sim.settled()
    assert len(paid) == len(set(paid)), "a bill was paid twice"
