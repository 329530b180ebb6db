"""An hourly schedule that fires every minute: PgQueuer's own in-memory adapter.

Claim: each tick of a schedule runs once. ``fetch_schedule`` of ``pgqueuer.adapters.inmemory``
claims due schedules and never advances ``next_run``. So a schedule that was due once is due at
every poll from then on: in PgQueuer's tests with that adapter, an hourly schedule beside one of
every minute fires each minute. Affected: PgQueuer up to 1.6.0, without PostgreSQL only.
Invariant: ``schedule-once``.

The bug lies in PgQueuer's adapter, and simqueue's invariants cannot see that adapter's tables. So
``scenario`` runs it in a simulation and counts how often schedules fire. ``fixed`` is the same
application on simqueue's database, which must not have the same bug.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer
from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgqueuer.models import Schedule

    import simqueue

ID = "cron-every-poll"
AFFECTED, FIXED = "1.6.0", None
INVARIANT = "schedule-once"
FAULTS = "none"
BY_ITSELF = True

MINUTES, DIGESTS_MAX = 70, 2


async def scenario(sim: simqueue.Simulation) -> None:
    """Run the application for an hour on PgQueuer's own adapter."""

    def on_pgqueuers_own(pq: PgQueuer) -> None:
        pq.sm.queries = InMemoryQueries(InMemoryDriver())

    await watch(sim, on_pgqueuers_own)


async def fixed(sim: simqueue.Simulation) -> None:
    """Run it for an hour on simqueue's database."""
    await watch(sim, lambda pq: None)


async def watch(sim: simqueue.Simulation, prepare: Callable[[PgQueuer], None]) -> None:
    """Send a digest every hour, poll an inbox every minute, and count both."""
    fired = Counter[str]()

    def app(pq: PgQueuer) -> None:
        prepare(pq)

        @pq.schedule("send_digest", "0 * * * *")
        async def send_digest(schedule: Schedule) -> None:
            fired["send_digest"] += 1

        @pq.schedule("poll_inbox", "* * * * *")
        async def poll_inbox(schedule: Schedule) -> None:
            fired["poll_inbox"] += 1

    await asyncio.sleep(sim.random.uniform(1, 59))
    sim.worker("worker", app)
    await asyncio.sleep(MINUTES * 60)
    digests, polls = fired["send_digest"], fired["poll_inbox"]
    assert digests <= DIGESTS_MAX, f"{digests} digests and {polls} polls in {MINUTES} minutes"
