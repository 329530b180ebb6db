"""A mail that was ordered, though nobody said so in time, is ordered again."""

import asyncio

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    mailed = []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("order")
        async def order(job: Job) -> None:
            wanted = job.payload
            for _ in range(3):
                try:
                    await asyncio.wait_for(pq.qm.queries.enqueue("mail", wanted), 1)
                except TimeoutError:
                    continue
                return

        @pq.entrypoint("mail")
        async def mail(job: Job) -> None:
            mailed.append(job.payload)

    for name in ("one", "two"):
        sim.worker(name, app, pool=4, batch_size=2)
    for number in range(5):
        await sim.queries.enqueue("order", b"letter %d" % number)
        await asyncio.sleep(0.3)
    await sim.settled()
    assert len(mailed) == len(set(mailed)), "a letter was mailed twice"
