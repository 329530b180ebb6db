"""Small applications that several tests run."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

from pgqueuer import RetryRequested
from pgqueuer.core.completion import CompletionWatcher


async def busy_shop(sim):
    """Two workers that crash, stop and restart while jobs fail, retry and wait."""

    def app(pq):
        @pq.entrypoint("charge", concurrency_limit=2)
        async def charge(job):
            await asyncio.sleep(0.05)
            if job.id % 5 == 0 and job.attempts == 0:
                raise RetryRequested(timedelta(seconds=1))

        @pq.entrypoint("mail", on_failure="hold")
        async def mail(job):
            await asyncio.to_thread(len, "letter")
            if job.id % 7 == 0:
                raise ValueError(f"no such address: {job.id}")

        @pq.schedule("sweep", "* * * * * */7")
        async def sweep(schedule):
            await asyncio.sleep(0.2)

    a = sim.worker("a", app, restart="always", batch_size=4)
    b = sim.worker("b", app, batch_size=3, max_concurrent_tasks=6)
    names = [sim.random.choice(["charge", "mail"]) for _ in range(24)]
    keys = [None if sim.chance(0.5) else f"key-{number}" for number in range(24)]
    waits = [timedelta(seconds=sim.random.uniform(0, 3)) for _ in range(24)]
    await sim.queries.enqueue(names, [b"x"] * 24, [0] * 24, waits, keys)
    async with CompletionWatcher(sim.driver, queries=sim.queries) as watcher:
        first = watcher.wait_for(1)
        await asyncio.sleep(sim.random.uniform(0, 2))
        a.crash()
        await asyncio.sleep(sim.random.uniform(0, 2))
        b.restart()
        await first
    await sim.queries.log_statistics(None)
    await sim.settled(timeout=timedelta(minutes=3))
    b.stop()
    assert await b.wait() == "returned"


async def deduplicated(sim):
    """Producers that race for dedupe keys while a worker drains, and an operator who clears up."""

    @asynccontextmanager
    async def app(pq):
        @pq.entrypoint("sync", concurrency_limit=1, on_failure="hold")
        async def sync(job):
            await asyncio.sleep(sim.random.uniform(0, 0.1))
            if sim.chance(0.3):
                raise RuntimeError("refused")

        yield

    sim.worker("w", app)

    async def produce(name):
        queries = type(sim.queries)(sim.connect(name))
        for _ in range(6):
            await queries.enqueue(
                "sync", None, dedupe_key=sim.choice(["k1", "k2", "k3"]), on_conflict="skip"
            )
            await asyncio.sleep(sim.random.uniform(0, 0.3))

    await asyncio.gather(*(produce(f"producer-{number}") for number in range(3)))
    await sim.settled()
    failed = await sim.queries.list_failed_jobs()
    if failed:
        await sim.queries.requeue_jobs([failed[0].id])
    await sim.queries.clear_queue("sync")
    await sim.queries.clear_queue_log()


async def impatient(sim):
    """Handlers that are cancelled by the operator, and one that gives up by itself."""

    def app(pq):
        @pq.entrypoint("render")
        async def render(job):
            await asyncio.sleep(sim.random.uniform(0, 1))
            assert sim.random.random() < 0.97, "out of ink"

    sim.worker("w", app, batch_size=5)
    ids = await sim.queries.enqueue(["render"] * 10, [None] * 10, list(range(10)))
    await asyncio.sleep(sim.random.uniform(0, 1))
    await sim.queries.mark_job_as_cancelled(ids[:3])
    await sim.settled()
    log = await sim.queries.queue_log()
    assert not any(row.status == "exception" for row in log), "a page was not printed"
