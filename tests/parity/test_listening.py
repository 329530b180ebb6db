"""LISTEN and NOTIFY: sessions of PgQueuer's asyncpg driver, and of simqueue's, side by side.

What is open: asyncpg keeps the callbacks of a channel in a set, so their order is not compared;
the order of notifications is. Names of channels that UTF-8 or the protocol cannot say are left out:
asyncpg loses its connection over them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job
from postgres import connect

from simqueue.adapter import Database, InMemoryDriver, InMemoryQueries

SESSIONS = 3
CHANNELS = ("ch_pgqueuer", "other", "Third Ch")
CALLBACKS = ("a", "b", "raises", "adds", "removes", "removes itself")
REMOVES = hasattr(AsyncpgDriver, "remove_listener")


class Act(NamedTuple):
    """What one session does: ``channel`` and ``word`` as the verb needs them."""

    session: int
    verb: str
    channel: str = CHANNELS[0]
    word: str = ""


class Session:
    """A driver of either side, with callbacks that write down what they hear."""

    def __init__(self, driver: Any, queries: Any, heard: list[tuple[str, str, str]]) -> None:
        self.driver, self.queries, self.heard = driver, queries, heard
        self.callbacks: dict[tuple[str, str], Callable[[Any], None]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def callback(self, channel: str, word: str) -> Callable[[Any], None]:
        """Return the callback of that name for a channel, always the same one."""

        def hear(payload: Any) -> None:
            self.heard.append((channel, payload, word))
            match word:
                case "raises":
                    raise ValueError(payload)
                case "adds":
                    self._later(self.driver.add_listener(channel, self.callback(channel, "late")))
                case "removes" if REMOVES:
                    callback = self.callback(channel, "a")
                    self._later(self.driver.remove_listener(channel, callback))
                case "removes itself" if REMOVES:
                    self._later(self.driver.remove_listener(channel, hear))

        return self.callbacks.setdefault((channel, word), hear)

    def _later(self, coroutine: Any) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))

    async def do(self, act: Act) -> str | None:
        """Return what went wrong, if anything."""
        try:
            match act.verb:
                case "add":
                    callback = self.callback(act.channel, act.word)
                    await self.driver.add_listener(act.channel, callback)
                case "remove":
                    callback = self.callback(act.channel, act.word)
                    await self.driver.remove_listener(act.channel, callback)
                case "notify":
                    await self.driver.notify(act.channel, act.word)
                case "enqueue":
                    await self.queries.enqueue("e", None)
                case "clear":
                    await self.queries.clear_queue("nothing")
                case "update":
                    await self.queries.update_heartbeat([1])
        except Exception as error:
            return str(getattr(error, "sqlstate", None) or type(error).__name__)
        return None


def orderly(heard: list[tuple[str, str, str]]) -> list[Any]:
    """Return notifications in order, and who heard each, in none."""
    return [
        (notification, Counter(word for *_, word in group))
        for notification, group in groupby(heard, lambda each: each[:2])
    ]


class Side:
    """All sessions of one side."""

    def __init__(self, sessions: list[Session]) -> None:
        self.sessions = sessions

    async def do(self, act: Act) -> tuple[Any, list[Any]]:
        """Return what came of it, and what each session has heard since the last time."""
        for session in self.sessions:
            session.heard.clear()
        answer = await self.sessions[act.session].do(act)
        for _ in range(2):  # what was notified, and what the callbacks then did
            await self._settle()
        return answer, [orderly(session.heard) for session in self.sessions]

    async def _settle(self) -> None:
        for session in self.sessions:
            # A notification comes before the answer to any statement sent later.
            if isinstance(session.driver, AsyncpgDriver):
                await session.driver.fetch("SELECT 1")
            await asyncio.sleep(0)
            while session.tasks:
                await session.tasks.pop(0)


@asynccontextmanager
async def both_sides(dsn: str, clock: Any):
    """Open the sessions of both sides, on empty tables."""
    connections = [await connect(dsn) for _ in range(SESSIONS)]
    await connections[0].execute("TRUNCATE pgqueuer, pgqueuer_log RESTART IDENTITY")
    for connection in connections:
        await connection.execute(f"SET clk.now = '{clock.now().isoformat(sep=' ')}'")
    drivers = [AsyncpgDriver(connection) for connection in connections]
    real = Side([Session(driver, Queries(driver), []) for driver in drivers])
    database = Database(clock)
    in_memory = [InMemoryDriver(database) for _ in range(SESSIONS)]
    simulated = Side([Session(driver, InMemoryQueries(driver), []) for driver in in_memory])
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    try:
        yield real, simulated
    finally:
        for connection in connections:
            await connection.close()


async def compare(dsn: str, clock: Any, acts: list[Act]) -> None:
    async with both_sides(dsn, clock) as (real, simulated):
        for number, act in enumerate(acts):
            theirs, ours = await real.do(act), await simulated.do(act)
            assert ours == theirs, f"at act {number}, {act}"


def acts(*told: Any) -> list[Act]:
    return [Act(*each) for each in told]


CH, OTHER, THIRD = CHANNELS
CASES = {
    "several callbacks on one channel": acts(
        (0, "add", OTHER, "a"), (0, "add", OTHER, "b"), (0, "notify", OTHER, "x")
    ),
    "the same callback twice": acts(
        (0, "add", OTHER, "a"), (0, "add", OTHER, "a"), (0, "notify", OTHER, "x")
    ),
    "one that raises beside one that does not": acts(
        (0, "add", OTHER, "raises"), (0, "add", OTHER, "a"), *[(0, "notify", OTHER, "x")] * 2
    ),
    "one that raises hurts no other session": acts(
        (0, "add", OTHER, "raises"), (1, "add", OTHER, "a"), (2, "notify", OTHER, "x")
    ),
    "only those hear who listen at commit": acts(
        (0, "add", OTHER, "a"),
        (1, "notify", OTHER, "x"),
        (1, "add", OTHER, "a"),
        (2, "notify", OTHER, "y"),
    ),
    "channels are told apart, in case too": acts(
        (0, "add", THIRD, "a"),
        (0, "add", OTHER, "a"),
        (1, "notify", "third ch", "x"),
        (1, "notify", THIRD, "y"),
        (1, "notify", OTHER, ""),
    ),
    "the trigger fires": acts(
        (0, "add", CH, "a"), (1, "add", CH, "a"), (1, "enqueue"), (0, "clear"), (0, "update")
    ),
    "a callback that adds one": acts((0, "add", OTHER, "adds"), *[(1, "notify", OTHER, "x")] * 3),
    "a channel without a name": acts((0, "add", "", "a"), (1, "notify", "", "x")),
    "a channel with a name of 63 bytes": acts(
        (0, "add", "c" * 63, "a"), (1, "notify", "c" * 63, "x")
    ),
    "a channel with a name of 64 bytes": acts(
        (0, "add", "c" * 64, "a"), (1, "notify", "c" * 64, "x"), (1, "notify", "c" * 63, "x")
    ),
    "a channel with a quote in its name": acts(
        (0, "add", 'We"ird', "a"), (1, "notify", 'We"ird', "x"), (1, "notify", 'we"ird', "y")
    ),
    "payloads at the edge": acts(
        (0, "add", OTHER, "a"),
        (1, "notify", OTHER, "x" * 7999),
        (1, "notify", OTHER, "x" * 8000),
        (1, "notify", OTHER, "é" * 4000),
        (1, "notify", OTHER, "a\0b"),
    ),
}
REMOVING = {
    "one of several is removed": acts(
        (0, "add", OTHER, "a"),
        (0, "add", OTHER, "b"),
        (0, "remove", OTHER, "a"),
        (1, "notify", OTHER, "x"),
    ),
    "the same callback twice, removed once": acts(
        (0, "add", OTHER, "a"),
        (0, "add", OTHER, "a"),
        (0, "remove", OTHER, "a"),
        (1, "notify", OTHER, "x"),
    ),
    "one that was never added is removed": acts(
        (0, "remove", OTHER, "a"),
        (0, "add", OTHER, "b"),
        (0, "remove", OTHER, "a"),
        (1, "notify", OTHER, "x"),
    ),
    "the last is removed, and one is added again": acts(
        (0, "add", OTHER, "a"),
        (0, "remove", OTHER, "a"),
        (1, "notify", OTHER, "x"),
        (0, "add", OTHER, "a"),
        (1, "notify", OTHER, "y"),
    ),
    "one channel's is removed, the other's stays": acts(
        (0, "add", OTHER, "a"),
        (0, "add", THIRD, "a"),
        (0, "remove", OTHER, "a"),
        (1, "notify", OTHER, "x"),
        (1, "notify", THIRD, "y"),
    ),
    "a callback that removes itself": acts(
        (0, "add", OTHER, "removes itself"),
        (0, "add", OTHER, "b"),
        *[(1, "notify", OTHER, "x")] * 2,
    ),
    "a callback that removes another": acts(
        (0, "add", OTHER, "removes"), (0, "add", OTHER, "a"), *[(1, "notify", OTHER, "x")] * 2
    ),
}


@pytest.mark.parametrize("case", [*CASES, *(REMOVING if REMOVES else ())])
def test_listeners_hear_what_they_hear_from_postgresql(case, database, rig):
    rig.run(compare(database, rig.clock, {**CASES, **REMOVING}[case]))


VERBS = ["add"] * 3 + ["remove"] * (2 if REMOVES else 0) + ["notify"] * 3
ANY_ACT = st.one_of(
    st.builds(
        Act,
        st.integers(0, SESSIONS - 1),
        st.sampled_from(VERBS),
        st.sampled_from(CHANNELS),
        st.sampled_from(CALLBACKS),
    ),
    st.builds(Act, st.integers(0, SESSIONS - 1), st.sampled_from(["enqueue", "clear", "update"])),
)


def test_any_sessions_hear_what_they_hear_from_postgresql(database, rig, request, thorough):
    seeded = request.config.getoption("--hypothesis-seed", None) is not None

    @settings(
        max_examples=thorough(60, 15),
        derandomize=not seeded,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(ANY_ACT, min_size=5, max_size=30))
    def run(told: list[Act]) -> None:
        rig.run(compare(database, rig.clock, told))

    run()


async def run_two_managers(queries: Any) -> list[Any]:
    """Run two managers on one driver, stop one, then the other; return what became of the jobs."""
    ran: list[int] = []
    managers = [QueueManager(queries), QueueManager(queries)]
    for manager in managers:

        @manager.entrypoint("work")
        async def work(job: Job) -> None:
            ran.append(job.id)

    # They would look on their own only once in ten minutes: what wakes them is heard.
    running = [
        asyncio.create_task(manager.run(dequeue_timeout=timedelta(minutes=10)))
        for manager in managers
    ]
    await asyncio.sleep(0.3)
    for manager, task in zip(managers, running, strict=True):
        known = len(ran)
        for _ in range(3):
            await queries.enqueue("work", None, 0, timedelta(seconds=-1))
        async with asyncio.timeout(10):
            while len(ran) < known + 3:
                await asyncio.sleep(0.01)
        manager.shutdown.set()
        await task
    log = sorted((entry.job_id, entry.status) for entry in await queries.queue_log())
    return [sorted(ran), log, await queries.queue_size()]


def test_of_two_managers_on_one_driver_each_hears_until_it_stops(database, rig):
    async def both() -> None:
        async with both_sides(database, rig.clock) as (real, simulated):
            theirs = await run_two_managers(real.sessions[0].queries)
            ours = await run_two_managers(simulated.sessions[0].queries)
            assert ours == theirs

    rig.run(both())


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Callbacks raise here, and simqueue logs it."""
    caplog.set_level(logging.CRITICAL + 1)
