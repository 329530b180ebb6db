"""A planted bug: two handlers read a balance, wait for another service, and write it back.

Claim: after the queue is drained, every transfer is in the balance. It is not if two transfers
of one account overlap: the second one overwrites the first.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer import PgQueuer
from pgqueuer.domain.types import QueueExecutionMode

if TYPE_CHECKING:
    from pgqueuer.models import Job

    import simqueue

ACCOUNTS = ("ada", "bob", "cyd", "dot")
TRANSFERS = 12


class Bank:
    """Balances by account, as another service keeps them."""

    def __init__(self) -> None:
        self.balances = dict.fromkeys(ACCOUNTS, 0)

    async def read(self, account: str) -> int:
        """Return a balance."""
        return self.balances[account]

    async def write(self, account: str, balance: int) -> None:
        """Set a balance. This takes the service two milliseconds."""
        await asyncio.sleep(0.002)
        self.balances[account] = balance


async def scenario(sim: simqueue.Simulation) -> None:
    """Drain a queue of transfers, two at a time, and compare the balances."""
    bank = Bank()

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("transfer", concurrency_limit=2)
        async def transfer(job: Job) -> None:
            assert job.payload is not None
            account = job.payload.decode()
            balance = await bank.read(account)
            await bank.write(account, balance + 1)

    accounts = [sim.random.choice(ACCOUNTS) for _ in range(TRANSFERS)]
    for account in accounts:
        await sim.queries.enqueue("transfer", account.encode())
        await asyncio.sleep(sim.random.uniform(0, 0.02))

    worker = sim.worker("worker", app, mode=QueueExecutionMode.drain, batch_size=2)
    await sim.settled(timeout=timedelta(minutes=1))
    await worker.wait()
    wanted = {account: accounts.count(account) for account in ACCOUNTS}
    assert bank.balances == wanted, f"transfers were lost: {bank.balances}, not {wanted}"
