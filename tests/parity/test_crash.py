"""A crash of the server on both sides: what is left, in each durability."""

import asyncio
import os
import signal
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer.domain import models, settings
from pgqueuer.ports.repository import EntrypointExecutionParameter
from postgres import connect, scratch_database
from sides import Call, Clock, Real, Simulated
from undefined import Statements, answer_difference, state_difference
from vocabulary import CRONS, MANAGERS

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.errors import PostgresError

pytestmark = pytest.mark.skipif(
    "SIMQUEUE_POSTGRES_DSN" in os.environ, reason="only a server of our own may be crashed"
)

BEFORE = [
    Call("enqueue", (["a"] * 40, [None] * 40, [0] * 40)),
    Call(
        "dequeue",
        (3, {"a": EntrypointExecutionParameter(0)}, MANAGERS[0], None, timedelta(seconds=30)),
    ),
    Call("log_jobs", ([(models.Job.model_construct(id=1), "successful", None)],)),
    Call("log_statistics", (None,)),
    Call("insert_schedule", ({CRONS[0]: timedelta(0), CRONS[1]: timedelta(0)},)),
]
AFTER = [
    Call("queue_size"),
    Call("enqueue", (["a", "b"], [None] * 2, [0] * 2)),
    Call("insert_schedule", ({CRONS[2]: timedelta(0)},)),
    Call("log_statistics", (None,)),
    Call("queue_size"),
]


@pytest.fixture(
    params=[
        pytest.param("volatile", marks=pytest.mark.thorough),
        "balanced",  # which loses some tables and keeps others
        pytest.param("durable", marks=pytest.mark.thorough),
    ]
)
def durability(request, monkeypatch):
    """The settings in force say so, on both sides."""
    read_again = getattr(getattr(settings, "db_settings", None), "cache_clear", lambda: None)
    for name in ("PGQUEUER_DURABILITY", "DURABILITY"):  # it has changed
        monkeypatch.setenv(name, request.param)
    read_again()
    yield request.param
    monkeypatch.undo()
    read_again()


def test_a_crash_leaves_what_it_leaves_on_postgresql(durability):
    with scratch_database() as dsn:
        asyncio.run(both_crash(dsn))


async def both_crash(dsn):
    clock = Clock()
    real = await Real.open(dsn)
    # The sessions of this suite do not wait for the disk, which would lose more than a crash does.
    await real.connection.execute("SET synchronous_commit = on")
    await real.connection.execute("CHECKPOINT")
    simulated = await Simulated.open(clock, real.columns)
    statements = Statements()
    for call in BEFORE:
        await compare(clock, real, simulated, call, statements)

    await crash(dsn)
    simulated.database.crash()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await real.queries.queue_size()
    with pytest.raises(PostgresError) as caught:
        await simulated.queries.queue_size()
    assert caught.value.sqlstate == "08003"

    real.connection.terminate()
    real = await Real.open(dsn)
    simulated.queries = InMemoryQueries(InMemoryDriver(simulated.database))
    statements = Statements()
    for call in AFTER:
        await compare(clock, real, simulated, call, statements)
    await real.connection.close()


async def compare(clock, real, simulated, call, statements):
    clock.now_us += 1
    theirs, ours = await real.step(clock.now(), call), await simulated.step(call)
    statements.executed(theirs.state)
    assert state_difference(theirs.state, ours.state, statements) is None, call
    assert answer_difference(call, theirs, ours, statements) is None, call


async def crash(dsn):
    """Kill a backend: the server ends all the others, and recovers."""
    victim = await connect(dsn)
    os.kill(victim.get_server_pid(), signal.SIGKILL)
    victim.terminate()
    for _ in range(600):
        await asyncio.sleep(0.05)
        try:
            again = await connect(dsn)
        except (asyncpg.PostgresError, OSError):
            continue
        await again.close()
        return
    pytest.fail("the server does not recover")
