"""A handler computes for so long that its job is taken for abandoned, and printed again."""

import asyncio
from datetime import timedelta

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation


async def scenario(sim: Simulation) -> None:
    printed = []

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("render")
        async def render(job: Job) -> None:
            pages = sim.choice((1, 4, 5, 6, 7, 8))
            for _ in range(pages):
                sim.burn(timedelta(seconds=0.25))
            await asyncio.sleep(0.01)
            printed.append(job.id)

    for name in ("one", "two"):
        sim.worker(name, app, heartbeat_timeout=timedelta(seconds=1.5), batch_size=1)
    for _ in range(5):
        await sim.queries.enqueue("render", None)
        await asyncio.sleep(1)
    await sim.settled()
    assert len(printed) == len(set(printed)), "a letter was printed twice"
