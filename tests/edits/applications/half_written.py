"""A reader takes for granted that who writes in two steps is done by then."""

import asyncio

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    page, seen = ["old", "old"], []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("write")
        async def write(job: Job) -> None:
            text = f"version {job.id}"
            page[0] = text
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            page[1] = text

        @pq.entrypoint("read")
        async def read(job: Job) -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            seen.append(tuple(page))

    for name in ("one", "two"):
        sim.worker(name, app, batch_size=1)
    for _ in range(6):
        await sim.queries.enqueue(["write", "read"], [None, None], [0, 0])
        await asyncio.sleep(0.1)
    await sim.settled()
    assert all(top == bottom for top, bottom in seen), "half a page was read"
