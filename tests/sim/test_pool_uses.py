import asyncio
import re
from datetime import timedelta

import pytest
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver

from simqueue.model.events import HandlerStarted, PoolExhausted, PoolServed
from simqueue.report.story.story import render_story
from simqueue.report.words import words
from simqueue.sim.run import run

asyncpg = pytest.importorskip("asyncpg")


def holding(seconds, *, size=3, jobs=4, workers=("a",)):
    """Return a scenario whose handlers hold a connection of the pool that PgQueuer uses."""

    async def scenario(sim):
        async def main():
            pool = await asyncpg.create_pool(min_size=1, max_size=size)
            pq = PgQueuer(AsyncpgPoolDriver(pool))

            @pq.entrypoint("report")
            async def report(job):
                async with pool.acquire():
                    await asyncio.sleep(seconds)

            return pq

        for name in workers:
            sim.worker(name, main)
        await asyncio.sleep(1)
        await sim.queries.enqueue(["report"] * jobs, [None] * jobs, [0] * jobs)
        await sim.settled(timeout=timedelta(minutes=20))

    return scenario


def of(played, kind):
    return [entry for entry in played.events if isinstance(entry.event, kind)]


def test_a_pool_that_is_used_up_is_told_with_who_holds_and_who_waits():
    first = of(run(holding(12)), PoolExhausted)[0].event
    assert first.size == 3
    assert [use.statement for use in first.holders] == ["listen", "", ""]
    assert [use.job_id for use in first.holders] == [None, 1, 2]
    assert all("test_pool_uses.py:" in use.place for use in first.holders[1:])
    assert (first.waiter.statement, first.waiter.job_id) == ("notify", None)
    assert first.others >= 2  # jobs 3 and 4
    assert first.job_ids == (1, 2)


def test_who_waited_is_told_to_have_got_a_connection():
    played = run(holding(12))
    exhausted, served = of(played, PoolExhausted), of(played, PoolServed)
    assert served
    assert {entry.event.waiter for entry in served} <= {entry.event.waiter for entry in exhausted}
    assert min(entry.at for entry in served) >= 13_000_000  # when the first handlers have ended


@pytest.mark.parametrize("scenario", [holding(0.5), holding(12, size=12)])
def test_a_pool_that_has_connections_or_soon_has_is_no_event(scenario):
    played = run(scenario)
    assert played.passed
    assert len(of(played, HandlerStarted)) == 4
    assert not of(played, PoolExhausted)
    assert not of(played, PoolServed)


def test_a_run_with_a_used_up_pool_repeats():
    assert run(holding(12), seed=3).digest == run(holding(12), seed=3).digest


def test_the_story_of_a_job_that_was_taken_over_names_the_pool():
    played = run(holding(70, workers=("a", "b")))
    assert played.failure.where == "single-runner"
    assert re.search(
        r"(a|b) has its pool of 3 connections used up since \S+: its LISTEN holds one since \S+; "
        r"jobs \d, \d \(report\) hold one each since \S+ \(at test_pool_uses\.py:\d+ in .*\); "
        r"its heartbeat waits for one, behind \d more",
        render_story(played.trace),
    )


def test_an_application_that_holds_all_connections_itself_is_told_of():
    async def scenario(sim):
        async def main():
            pool = await asyncpg.create_pool(min_size=1, max_size=2)
            pq = PgQueuer(AsyncpgPoolDriver(pool))
            kept = []

            @pq.schedule("keep", "* * * * *")
            async def keep(schedule):
                kept.append(await pool.acquire())

            return pq

        sim.worker("a", main)
        await asyncio.sleep(120)

    said = [words(entry.event) for entry in of(run(scenario), PoolExhausted)]
    assert said
    assert "schedule 1 (keep) holds one since " in said[0]
