"""One heartbeat that fails: another worker runs the job, too.

Claim: a job does not run a second time while its first worker is alive. A heartbeat is due every
15 s and is sent up to 9 s later. If that statement fails, it is repeated up to 9 s later still. By
then more than 30 s have passed, after which PgQueuer 1.4.0 treats a job as abandoned. Affected:
1.4.0 and older. Fixed in 1.5.0, which sends heartbeats twice as often, so that one may fail.
Invariant: ``single-runner``. Faults: statements fail.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ID = "beat-margin"
AFFECTED, FIXED = "1.4.0", "1.5.0"
INVARIANT = "single-runner"
VARIANTS = ("stale", "own")
FAULTS = "fail"

VIDEOS = 240


async def scenario(sim: simqueue.Simulation) -> None:
    """Transcode videos on two workers, some minutes each."""

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("transcode")
        async def transcode(job: Job) -> None:
            await asyncio.sleep(sim.random.uniform(60, 300))

    for name in ("ada", "bob"):
        # If a failing statement ends a worker, it is restarted, as by systemd.
        sim.worker(name, app, restart="always", dequeue_timeout=timedelta(seconds=1))
    for _ in range(VIDEOS):
        await sim.queries.enqueue("transcode", None)
        await asyncio.sleep(sim.random.uniform(0, 0.5))
    await asyncio.sleep(60)
