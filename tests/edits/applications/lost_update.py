"""Two handlers read a balance, wait for another service, and write it back."""

import asyncio

from pgqueuer import PgQueuer
from pgqueuer.models import Job

from simqueue import Simulation

ACCOUNTS = ("ada", "bob")


async def scenario(sim: Simulation) -> None:
    balances = dict.fromkeys(ACCOUNTS, 0)

    def app(pq: PgQueuer) -> None:
        @pq.entrypoint("transfer")
        async def transfer(job: Job) -> None:
            account = job.payload.decode()
            balance = balances[account]
            await asyncio.sleep(0.02)
            balances[account] = balance + 1

    for name in ("one", "two"):
        sim.worker(name, app, batch_size=1)
    accounts = [sim.choice(ACCOUNTS) for _ in range(6)]
    for account in accounts:
        await sim.queries.enqueue("transfer", account.encode())
        await asyncio.sleep(0.1)
    await sim.settled()
    assert sum(balances.values()) == len(accounts), "a transfer was lost"
