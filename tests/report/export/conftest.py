import asyncio
from datetime import timedelta

import pytest

import simqueue


async def shop(sim):
    """Retries, a re-pick, a cancellation, a kill and a pause, whatever befalls it besides."""

    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            await asyncio.sleep(sim.random.uniform(1, 3))
            if job.payload == b"bad":
                raise ValueError("not today")

        @pq.schedule("sweep", "* * * * *")
        async def sweep(schedule):
            await asyncio.sleep(1)

    a = sim.worker("a", app, restart="always", batch_size=5)
    sim.worker("b/c", app, batch_size=3, pool=3)
    await sim.queries.enqueue(["mail"] * 12, [b"bad", *[None] * 11], [0] * 12)
    await asyncio.sleep(0.5)
    a.crash()
    sim.log.warning("a is gone")
    await asyncio.sleep(40)
    a.pause(timedelta(seconds=5))
    await asyncio.sleep(60)
    sim.crash_server(timedelta(seconds=1))
    await asyncio.sleep(10)
    await sim.queries.enqueue("mail", None, 0)
    await asyncio.sleep(10)
    assert not sim.random.random() < 2, "it has to end somehow"


async def calm(sim):
    def app(pq):
        @pq.entrypoint("mail")
        async def mail(job):
            pass

    sim.worker("a", app)
    await sim.queries.enqueue("mail", b"x", 0)
    await sim.settled()


@pytest.fixture(scope="session", params=["calm", "mixed", "faulty 1", "faulty 2", "faulty 3"])
def played(request):
    """Runs of many kinds."""
    name, _, seed = request.param.partition(" ")
    faults = simqueue.Faults.named("production" if name == "faulty" else "none")
    config = simqueue.Config(faults=faults)
    scenario = calm if name == "calm" else shop
    trace = simqueue.run(scenario, seed=int(seed or 0), config=config).trace
    stale = [entry for entry in trace.events if getattr(entry.event, "stale", False)]
    assert stale or name != "mixed"
    return trace
