"""The simulated server: statements that overlap, and a crash of it."""

import asyncio
import time
from datetime import timedelta

import pytest
from pgqueuer.domain import settings

import simqueue
from simqueue.errors import PostgresError
from simqueue.model.events import (
    ConnectionLost,
    JobEnqueued,
    JobPicked,
    NotificationDelivered,
    ServerCrashed,
    StatementCommitted,
    StatementFailed,
    StatementHeld,
    StatementReplied,
    StatementSent,
)
from simqueue.store import Names, fold

CALM = simqueue.Config(commit_max=timedelta(0))
SECOND = timedelta(seconds=1)


async def racing(sim):
    """Two clients enqueue under one key and claim what is there."""
    one, other = (simqueue.InMemoryQueries(sim.connect()) for _ in range(2))
    for number in range(20):
        await asyncio.gather(
            one.enqueue("a", None, dedupe_key=f"{number}", on_conflict="skip"),
            other.enqueue("a", None, dedupe_key=f"{number}", on_conflict="skip"),
        )
    assert (await sim.queries.queue_size())[0].count == 20


def of(run, *types):
    return [entry for entry in run.events if isinstance(entry.event, types)]


def test_some_seeds_make_statements_wait_for_each_other_and_none_breaks_a_key():
    waits = 0
    for seed in range(40):
        run = simqueue.run(racing, seed=seed)
        run.check()
        waits += sum(entry.event.awaits is not None for entry in of(run, StatementHeld))
    assert waits > 10


def test_what_commits_late_is_dated_to_when_it_began():
    late = []
    for seed in range(20):
        run = simqueue.run(racing, seed=seed)
        late += [entry for entry in of(run, JobEnqueued) if entry.began is not None]
        tables = fold(Names(), run.events)
        for entry in of(run, JobEnqueued):
            assert tables.jobs.rows[entry.event.job_id].created == entry.now
    assert late
    assert all(entry.began < entry.at for entry in late)


def test_nothing_overlaps_where_commits_are_never_late():
    for seed in range(20):
        assert not of(simqueue.run(racing, seed=seed, config=CALM), StatementHeld)


def test_each_statement_is_committed_or_fails_once_and_before_its_reply():
    for seed in range(20):
        run = simqueue.run(racing, seed=seed)
        ended = [entry.event.statement for entry in of(run, StatementCommitted, StatementFailed)]
        assert len(ended) == len(set(ended))
        replied = [entry.event.statement for entry in of(run, StatementReplied)]
        assert set(ended) <= set(replied)


async def claims_of_few_places(sim):
    """Two managers claim at once, and both want the first free place."""

    def app(pq):
        @pq.entrypoint("a", concurrency_limit=2)
        async def a(job):
            await asyncio.sleep(5)

    for batch_size in (1, 2):
        sim.worker(f"w{batch_size}", app, dequeue_timeout=SECOND, batch_size=batch_size)
    await asyncio.sleep(1)
    await sim.queries.enqueue(["a"] * 4, [None] * 4, [0] * 4)
    await sim.settled()


def test_a_limit_holds_although_claims_overlap():
    lost = 0
    for seed in range(60):
        run = simqueue.run(claims_of_few_places, seed=seed)
        run.check()
        picked = of(run, JobPicked)
        assert {entry.event.slot for entry in picked} <= {0, 1}
        lost += len(of(run, StatementFailed))
    assert lost, "no claim has lost a race for the slot"


# --- a crash of the server ---


def restarted(pq):
    @pq.entrypoint("a")
    async def a(job):
        await asyncio.sleep(1)


async def a_crash(sim):
    worker = sim.worker("w", restarted, restart="always", heartbeat_timeout=SECOND * 5)
    await sim.queries.enqueue(["a"] * 3, [None] * 3, [0] * 3)
    await asyncio.sleep(0.5)
    sim.crash_server()
    await sim.settled()
    assert worker.incarnation > 1


def test_workers_lose_their_connections_and_the_jobs_are_done_by_their_successors():
    for seed in range(10):
        run = simqueue.run(a_crash, seed=seed)
        run.check()
        (crash,) = of(run, ServerCrashed)
        assert crash.event.emptied == ()


@pytest.fixture
def balanced(monkeypatch):
    """Settings in which the log and the statistics are UNLOGGED."""
    read_again = getattr(getattr(settings, "db_settings", None), "cache_clear", lambda: None)
    monkeypatch.setenv("PGQUEUER_DURABILITY", "balanced")
    monkeypatch.setenv("DURABILITY", "balanced")
    read_again()
    yield
    monkeypatch.undo()
    read_again()


@pytest.mark.usefixtures("balanced")
def test_unlogged_tables_are_empty_afterwards():
    async def scenario(sim):
        await sim.queries.enqueue(["a"] * 3, [None] * 3, [0] * 3)
        await sim.queries.log_statistics(None)
        sim.crash_server()
        assert await sim.queries.queue_log() == []
        assert await sim.queries.log_statistics(None) == []
        assert [size.count for size in await sim.queries.queue_size()] == [3]
        assert await sim.queries.enqueue("a", None) == [34]

    run = simqueue.run(scenario)
    run.check()
    (crash,) = of(run, ServerCrashed)
    assert crash.event.emptied == ("log", "statistics")


def test_what_has_not_committed_is_rolled_back_and_who_sent_it_is_told():
    seen = set()

    def app(pq):
        @pq.entrypoint("a")
        async def a(job):
            try:
                await pq.queries.enqueue("b", None)
            except PostgresError as error:
                seen.add(error.sqlstate)
                raise

    async def scenario(sim):
        sim.worker("w", app, restart="always", heartbeat_timeout=SECOND * 5)
        await sim.queries.enqueue("a", None)
        await asyncio.sleep(sim.random.random() * 0.01)
        sim.crash_server()
        await asyncio.sleep(20)

    for seed in range(60):
        run = simqueue.run(scenario, seed=seed)
        run.check()
    assert seen == {"08003"}


async def two_crashes(sim):
    def app(pq):
        @pq.entrypoint("a")
        async def a(job):
            await asyncio.sleep(0.5)

    worker = sim.worker("w", app)
    await sim.queries.enqueue("a", None)
    await asyncio.sleep(0.3)
    sim.crash_server()
    sim.crash_server()
    worker.stop()
    await asyncio.sleep(30)


def test_a_worker_that_cannot_give_back_its_jobs_is_not_blamed_and_loses_a_connection_once():
    for seed in range(10):
        run = simqueue.run(two_crashes, seed=seed)
        # PgQueuer's run() may end with the error that its statement met, or return.
        assert run.failure is None or "PostgresError" in run.failure.signature
        assert len(of(run, ConnectionLost)) == 1
        lost = next(n for n, e in enumerate(run.events) if isinstance(e.event, ConnectionLost))
        for entry in run.events[lost:]:
            assert not (isinstance(entry.event, NotificationDelivered) and entry.worker == "w")


def statements(entries, kind):
    return {
        entry.event.statement
        for entry in entries
        if isinstance(entry.event, kind) and entry.worker == "w"
    }


async def a_request_on_its_way(sim):
    worker = sim.worker("w", restarted)
    await sim.queries.enqueue("a", None)
    await asyncio.sleep(sim.random.random())
    if worker.alive:
        worker.crash()
    sim.crash_server()
    await asyncio.sleep(1)


def test_what_was_on_its_way_to_a_server_that_crashed_is_never_executed():
    lost = 0
    for seed in range(60):
        run = simqueue.run(a_request_on_its_way, seed=seed)
        run.check()
        crashed = next(n for n, e in enumerate(run.events) if isinstance(e.event, ServerCrashed))
        sent = statements(run.events[:crashed], StatementSent)
        assert not sent & statements(run.events[crashed:], StatementCommitted)
        lost += bool(sent - statements(run.events, StatementCommitted))
    assert lost


def test_a_server_cannot_crash_before_the_world_is_there():
    async def scenario(sim):
        time.sleep(1)
        sim.crash_server()

    failure = simqueue.run(scenario).failure
    assert failure.signature.startswith("exception:UsageError")
    assert "ahead of the world" in failure.message


def test_a_read_that_the_server_refuses_is_an_error_of_its_caller_alone():
    async def scenario(sim):
        with pytest.raises(PostgresError, match="LIMIT must not be negative") as caught:
            await sim.queries.list_failed_jobs(limit=-1)
        assert caught.value.sqlstate == "2201W"
        assert await sim.queries.list_failed_jobs() == []

    run = simqueue.run(scenario)
    assert run.passed, run.failure
    (failed,) = of(run, StatementFailed)
    assert failed.event.sqlstate == "2201W"
