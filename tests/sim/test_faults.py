import asyncio
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import get_args

import msgspec
import pytest
from pgqueuer.domain import settings

from simqueue.choices import Seeded
from simqueue.errors import PostgresError, UsageError
from simqueue.model import events as e
from simqueue.model.choice import by_key
from simqueue.model.config import Config, Faults
from simqueue.model.delays import RUNGS
from simqueue.model.fault import FAULT_KINDS, FAULT_OF
from simqueue.sim.run import run

REJECTIONS = FAULT_OF["fail"].errors


@pytest.fixture
def durability(monkeypatch):
    """Sets which tables are UNLOGGED."""
    read_again = getattr(getattr(settings, "db_settings", None), "cache_clear", lambda: None)

    def set_it(name):
        monkeypatch.setenv("PGQUEUER_DURABILITY", name)
        monkeypatch.setenv("DURABILITY", name)
        read_again()

    yield set_it
    monkeypatch.undo()
    read_again()


ALL = Config(faults=Faults.named("production"), invariants=())
UNJUDGED = Config(invariants=())
MAIN = "a QueueManager.run"


def seconds(number):
    return timedelta(seconds=number)


def shop(done, *, lasts=1.0, sleep=None):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            if sleep is not None:
                sleep()
            await asyncio.sleep(lasts)
            done.append(job.id)

    return app


def events(result, *types, worker=None):
    return [
        entry
        for entry in result.events
        if isinstance(entry.event, types) and worker in {None, entry.worker}
    ]


def befallen(scenario, picks, config=ALL):
    """Play a scenario with nothing but the faults that are picked, by key and position."""
    result = run(scenario, config=config, choices=picks)
    for key, each in picks.items():
        assert by_key(result.choices).get(key) == each, f"{key} was not picked"
    return result


# --- workers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed():
    """What happened to a worker in runs in which it is killed, and all of its jobs are done."""
    told = []
    for seed in range(30):
        done = []

        async def scenario(sim, done=done):
            sim.worker("a", shop(done, lasts=2), batch_size=2)
            for _ in range(10):
                await sim.queries.enqueue(["charge"] * 3, [None] * 3, [0] * 3)
                await asyncio.sleep(2)
            await sim.settled()

        config = Config(faults=Faults(("crash",)), invariants=())
        result = run(scenario, seed=seed, config=config)
        result.check()
        assert {*done} == {*range(1, 31)}
        told.append([entry.event for entry in result.events if entry.worker == "a"])
    return told


def test_kills_come_before_and_after_commits_and_replies_and_in_the_middle_of_handlers(killed):
    before, in_handlers = set(), 0
    for told in killed:
        running = 0
        for one, two in pairwise(told):
            match two:
                case e.HandlerStarted():
                    running += 1
                case e.HandlerFinished():
                    running -= 1
                case e.FaultStruck():
                    before.add(type(one))
                    in_handlers += running > 0
                case e.WorkerCrashed():
                    running = 0
    assert in_handlers > 0
    assert {e.StatementSent, e.StatementReplied} <= before
    assert before & {e.StatementCommitted, e.TableChanged, e.JobPicked}


def test_of_a_killed_worker_nothing_happens_any_more_but_what_the_server_does(killed):
    of_the_server = {
        *get_args(e.StoreEvent), e.StatementCommitted, e.StatementHeld, e.Listening,
        e.NotificationDropped,
    }  # fmt: skip
    kills = 0
    for told in killed:
        dead = False
        for event in told:
            if dead and not isinstance(event, e.WorkerStarted):
                assert type(event) in of_the_server
            dead = isinstance(event, e.WorkerCrashed) or (
                dead and not isinstance(event, e.WorkerStarted)
            )
            kills += isinstance(event, e.WorkerCrashed)
    assert kills > 10


def test_a_worker_stopped_by_a_fault_comes_back_and_a_second_sigterm_changes_nothing():
    done = []

    async def scenario(sim):
        a = sim.worker("a", shop(done, lasts=20))
        await asyncio.sleep(15)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(200)
        assert a.alive
        assert a.incarnation == 2

    twice = RUNGS * 1 + 40
    result = befallen(scenario, {"a second disaster:stop/second": {20: twice}})
    result.check()
    assert [entry.event.detail for entry in events(result, e.FaultStruck)] == ["", "once more"]
    own = events(result, e.WorkerStopping, e.WorkerExited, e.WorkerStarted)
    assert [type(each.event) for each in own] == [
        e.WorkerStarted, e.WorkerStopping, e.WorkerExited, e.WorkerStarted,
    ]  # fmt: skip
    assert done == [1]


@pytest.mark.parametrize(("length", "repicked"), [(60, True), (10, False)])
def test_a_pause_longer_than_the_heartbeat_timeout_gets_a_job_picked_again(length, repicked):
    done = []

    async def scenario(sim):
        a = sim.worker("a", shop(done, lasts=70))
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(20)
        sim.worker("b", shop(done, lasts=70))
        a.pause(seconds(length))
        await sim.settled()

    result = run(scenario, config=UNJUDGED)
    result.check()
    stale = [each.event.stale for each in events(result, e.JobPicked, worker="b")]
    assert stale == ([True] if repicked else [])
    (paused,) = events(result, e.WorkerPaused)
    during = [
        each
        for each in events(result, e.StatementSent, e.HandlerFinished, e.JobsBeat, worker="a")
        if paused.at < each.at < paused.at + length * 1_000_000
    ]
    assert during == []
    assert done == [1]
    assert not events(result, e.ConnectionLost)


def test_a_pause_ends_early_when_the_world_is_healed():
    async def scenario(sim):
        sim.worker("a", shop([]))
        await asyncio.sleep(30)
        sim.heal()
        await asyncio.sleep(1)
        await sim.queries.enqueue("charge", None)
        await sim.settled(seconds(5))

    ninety = RUNGS * (RUNGS - 2)
    result = befallen(scenario, {"a second disaster:pause/second": {20: ninety + 1}})
    result.check()
    assert len(events(result, e.WorkerResumed)) == 1


def test_to_heal_the_world_undoes_what_faults_did_and_not_what_the_scenario_did():
    seen = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                seen.append((sim.elapsed().total_seconds(), time.time() - time.monotonic()))

        a = sim.worker("a", app)
        a.skew(seconds(1000))
        await asyncio.sleep(30)
        a.pause(seconds(20))
        await sim.queries.enqueue("charge", None)
        sim.heal()
        await sim.settled()

    ninety, set_back = RUNGS * (RUNGS - 2), RUNGS * (RUNGS - 1)
    picks = {
        "a second disaster:pause/second": {20: ninety + 1},
        "a second mishap:skew/second": {10: set_back + 1},
    }
    result = befallen(scenario, picks)
    result.check()
    (at, ahead), epoch = seen[0], Config().start.timestamp()
    assert 50 < at < 51
    assert round(ahead - epoch) == 1000
    assert len({each.event.offset for each in events(result, e.ClockSet)}) == 2


def test_a_process_cannot_pause_itself():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("doze")
            async def doze(job):
                with pytest.raises(UsageError, match="cannot pause itself"):
                    a.pause(seconds(1))

        a = sim.worker("a", app)
        await sim.queries.enqueue("doze", None)
        await sim.settled()

    run(scenario).check()


def test_a_clock_step_moves_the_wall_clock_of_one_process_and_no_other_clock():
    seen = {}

    async def scenario(sim):
        def app(name):
            def setup(pq):
                @pq.entrypoint(name)
                async def look(job):
                    seen[name].append((datetime.now(), time.time(), time.monotonic()))  # noqa: DTZ005

            return setup

        seen.update(a=[], b=[])
        a = sim.worker("a", app("a"))
        sim.worker("b", app("b"))
        for offset in (seconds(100), -seconds(3600), seconds(0)):
            a.skew(offset)
            await sim.queries.enqueue(["a", "b"], [None] * 2, [0] * 2)
            await sim.settled()
        a.skew(seconds(7))
        a.restart()
        await a.wait()
        await sim.queries.enqueue("a", None)
        await sim.settled()

    run(scenario, choices={}).check()
    for (his, his_time, ticks), (hers, her_time, other), offset in zip(
        seen["a"], seen["b"], (100, -3600, 0), strict=False
    ):
        assert abs((his - hers).total_seconds() - offset) < 1
        assert abs(his_time - her_time - offset) < 1
        assert abs(ticks - other) < 1
    assert len(seen["a"]) == 4


def test_a_scheduler_whose_clock_is_behind_runs_its_schedule_late():
    ran = {}

    def play(offset):
        async def scenario(sim):
            def app(pq):
                @pq.schedule("sweep", "* * * * *")
                async def sweep(schedule):
                    ran.setdefault(offset, []).append(sim.elapsed().total_seconds() % 60)

            a = sim.worker("a", lambda pq: None)
            a.skew(seconds(offset))
            a.stop()
            await a.wait()
            a._life.setup = app
            a.restart()
            await asyncio.sleep(300)

        run(scenario, choices={}, config=UNJUDGED).check()

    play(0)
    play(-20)
    assert all(second < 5 for second in ran[0])
    assert all(15 < second < 25 for second in ran[-20])


# --- a blocked loop ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sleep", "burn"])
@pytest.mark.parametrize(("length", "repicked"), [(40, True), (10, False)])
def test_a_loop_blocked_for_longer_than_the_timeout_loses_its_job(how, length, repicked):
    """Its heartbeats stop, its own clock shows the time it lost, and everybody else goes on."""
    clocks = []

    async def scenario(sim):
        def block():
            began = time.monotonic()
            if how == "sleep":
                time.sleep(length)
            else:
                sim.burn(seconds(length))
            clocks.append(time.monotonic() - began)

        a = sim.worker("a", shop([], sleep=block))
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(1)
        a._life.setup = shop([])
        sim.worker("b", shop([]))
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(2)
        assert sim.elapsed() < seconds(5)
        await sim.settled()

    result = run(scenario)
    result.check()
    assert clocks == [length]
    assert events(result, e.LoopBlocked)[0].event.duration == length * 1_000_000
    stale = [each.event.stale for each in events(result, e.JobPicked, worker="b")]
    assert stale == ([False, True] if repicked else [False])
    quiet = [each.at for each in events(result, e.StatementSent, e.JobsBeat, worker="a")]
    assert not [at for at in quiet if 1_000_000 < at < length * 1_000_000]


# --- connections ---------------------------------------------------------------------------------


def crowd(sim, done):
    a = sim.worker("a", shop(done))
    return a, sim.queries.enqueue(["charge"] * 3, [None] * 3, [0] * 3)


@pytest.mark.parametrize(("value", "committed"), [(1, False), (2, True)])
def test_a_connection_breaks_before_the_statement_arrives_or_after_its_commit(value, committed):
    """The client cannot tell the one from the other; the database can."""
    done = []

    async def scenario(sim):
        a, enqueueing = crowd(sim, done)
        await enqueueing
        assert (await a.wait()).endswith("connection was closed in the middle of operation")
        picked = [
            row for row in sim.driver.connection.tables.jobs.rows.values() if row.status == "picked"
        ]
        assert len(picked) == (3 if committed else 0)
        await sim.settled()

    result = befallen(scenario, {f"{MAIN} dequeue disaster:disconnect/dequeue": {0: value}})
    result.check()
    assert sorted(done) == [1, 2, 3]
    (lost,) = events(result, e.ConnectionLost)
    executed = [each.event.statement for each in events(result, e.StatementCommitted)]
    assert (lost.event.statement in executed) == committed


def test_an_idle_connection_that_breaks_hears_nothing_until_somebody_listens_again():
    heard = []

    async def scenario(sim):
        a = sim.worker("a", shop([]), restart="always")
        await asyncio.sleep(5)
        a.disconnect()
        await sim.queries.enqueue("charge", None)
        heard.extend(sim.driver.connection._server._sessions.get("ch_pgqueuer", ()))
        await sim.settled()

    result = run(scenario, config=UNJUDGED)
    result.check()
    assert heard == []
    assert len(events(result, e.Listening)) == 3  # on, off with the connection, on again
    picked = events(result, e.JobPicked)[0].at
    (again,) = [each.at for each in events(result, e.WorkerStarted) if each.event.incarnation == 2]
    assert picked > again


def test_whoever_is_refused_a_connection_comes_back_and_tries_again():
    async def scenario(sim):
        sim.worker("a", shop([]))
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    result = befallen(scenario, {"a mishap:refuse/connect": {0: 1, 1: 2, 2: 3}})
    result.check()
    assert [each.event.sqlstate for each in events(result, e.ConnectionRefused)] == [
        "53300", "57P03", "08001",
    ]  # fmt: skip
    assert len(events(result, e.WorkerStarted)) == 4


@pytest.mark.parametrize("number", range(len(REJECTIONS)))
def test_a_statement_fails_with_a_sqlstate_and_nothing_of_it_is_done(number):
    """PgQueuer takes a deadlock of a claim for a lost race; anything else ends its ``run()``."""
    sqlstate, message, breaks = msgspec.structs.astuple(REJECTIONS[number])

    async def scenario(sim):
        a, enqueueing = crowd(sim, [])
        await enqueueing
        if sqlstate == "40P01":
            await asyncio.sleep(0.1)
        else:
            assert (await a.wait()).endswith(message)
        assert sim.driver.connection.tables.jobs.count("picked") == 0
        await sim.settled()

    result = befallen(scenario, {f"{MAIN} dequeue mishap:fail/dequeue": {0: number + 1}})
    result.check()
    (failed,) = events(result, e.StatementFailed)
    assert failed.event.sqlstate == sqlstate
    assert bool(events(result, e.ConnectionLost)) == breaks


def test_one_failing_statement_of_a_buffer_is_tried_again_by_the_real_pgqueuer():
    done = []

    async def scenario(sim):
        _, enqueueing = crowd(sim, done)
        await enqueueing
        await sim.settled()

    key = "a TimedOverflowBuffer.periodic_flush log_jobs mishap:fail/log_jobs"
    result = befallen(scenario, {key: {0: 1}})
    result.check()
    assert sorted(done) == [1, 2, 3]
    assert any("requeuing" in each.event.message for each in events(result, e.LogLine))


@pytest.mark.parametrize("late_to", ["begin", "commit"])
def test_a_slow_statement_begins_late_or_keeps_its_locks_until_it_commits_late(late_to):
    async def scenario(sim):
        _, enqueueing = crowd(sim, [])
        await enqueueing
        await sim.settled()

    value = 2 * (RUNGS - 1) - (late_to == "begin")
    result = befallen(scenario, {f"{MAIN} dequeue mishap:slow/dequeue": {0: value}})
    result.check()
    picked = events(result, e.JobPicked)[0]
    assert picked.at > 60_000_000
    assert (picked.began is None) == (late_to == "begin")
    if picked.began is not None:
        assert picked.began < 1_000_000


def test_a_late_notification_comes_in_its_order_and_holds_up_what_comes_after_it():
    async def scenario(sim):
        sim.worker("a", shop([]))
        await asyncio.sleep(5.5)
        await sim.queries.enqueue("charge", None)
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    result = befallen(scenario, {"a notify mishap:late-notify/notify": {1: 60}})
    result.check()
    sent = [each.event.sent for each in events(result, e.NotificationDelivered)]
    assert sent == sorted(sent)
    assert not events(result, e.NotificationDropped)
    late = [
        each.at - result.events[each.event.sent].at
        for each in events(result, e.NotificationDelivered)
    ]
    assert max(late) > 5_000_000


def test_a_pool_has_a_connection_to_listen_which_the_first_health_ping_can_overtake():
    async def scenario(sim):
        sim.worker("a", shop([]), pool=3)
        await asyncio.sleep(25)

    overtook = set()
    for seed in range(12):
        result = run(scenario, seed=seed, config=UNJUDGED)
        result.check()
        listening = result.events.index(events(result, e.Listening)[0])
        ping = result.events.index(events(result, e.NotificationSent)[0])
        heard = {each.event.sent for each in events(result, e.NotificationDelivered)}
        overtook.add(ping < listening)
        assert (ping in heard) == (ping > listening)
    assert overtook == {True, False}


def test_a_pool_replaces_a_broken_connection_but_not_the_one_that_listens():
    async def scenario(sim):
        a = sim.worker("a", shop([]), pool=4, dequeue_timeout=seconds(20))
        await sim.queries.enqueue("charge", None)
        await sim.settled()
        a.disconnect()
        await sim.queries.enqueue("charge", None)
        await sim.settled()
        assert a.incarnation == 1

    result = run(scenario, config=UNJUDGED)
    result.check()
    first, second = events(result, e.JobPicked)
    assert second.at - first.at > 10_000_000  # by polling: nobody heard
    assert len([each for each in events(result, e.Listening) if each.event.on]) == 1


def test_a_pool_is_used_by_statements_at_the_same_time():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.gather(*(pq.qm.queries.queue_size() for _ in range(5)))

        sim.worker("a", app, pool=4)
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    result = run(scenario)
    result.check()
    under_way, most = set(), 0
    for each in events(result, e.StatementSent, e.StatementReplied):
        if isinstance(each.event, e.StatementSent):
            under_way.add(each.event.statement)
        else:
            under_way.discard(each.event.statement)
        most = max(most, len(under_way))
    assert most == 3


@pytest.mark.parametrize("wrong", [timedelta(-1), 5, "5s", timedelta.max])
def test_a_length_of_time_that_makes_no_sense_is_refused(wrong):
    async def scenario(sim):
        a = sim.worker("a", shop([]))
        for call in (a.pause, sim.burn, sim.crash_server, sim.restart_server, sim.fail_over):
            with pytest.raises(UsageError, match=r"takes a timedelta .* such as"):
                call(wrong)
        for call in (a.skew, sim.settled):
            if wrong != timedelta(-1) and not (call == sim.settled and wrong == timedelta.max):
                with pytest.raises(UsageError, match="takes a timedelta"):
                    await call(wrong)

    run(scenario).check()


@pytest.mark.parametrize("kinds", ["crash", ["crash"], ("crash", "nope")])
def test_faults_that_there_are_not_are_refused(kinds):
    with pytest.raises(UsageError, match=r"kinds|no such fault"):
        Faults(kinds)


def test_who_does_not_settle_is_told_that_nobody_is_up():
    async def scenario(sim):
        a = sim.worker("a", shop([], lasts=30))
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(1)
        a.crash()
        await sim.settled(seconds(5))

    assert "no worker is up (a ended: killed)" in run(scenario).failure.message


def test_a_pool_of_one_is_refused():
    async def scenario(sim):
        sim.worker("a", shop([]), pool=1)
        await asyncio.sleep(1)

    assert "2 connections or more" in run(scenario).failure.message


# --- the server ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "kept"), [("restart", True), ("crash", False), ("fail_over", False)]
)
@pytest.mark.parametrize("unlogged", [True, False])
def test_a_server_that_comes_up_again_has_what_was_committed(how, kept, unlogged, durability):
    durability("volatile" if unlogged else "durable")

    async def scenario(sim):
        a = sim.worker("a", shop([]), restart="always")
        await sim.queries.enqueue(["other"] * 3, [None] * 3, [0] * 3)
        await asyncio.sleep(3)
        strike = {
            "restart": sim.restart_server,
            "crash": sim.crash_server,
            "fail_over": sim.fail_over,
        }
        strike[how](downtime=seconds(5))
        assert len(await sim.queries.queue_size()) == (kept or not unlogged)
        assert await a.wait() != "returned"
        await asyncio.sleep(60)
        assert a.alive

    result = run(scenario, config=UNJUDGED)
    result.check()
    assert len(events(result, e.ConnectionLost)) >= 1
    assert events(result, e.ConnectionRefused)
    up = [each.at for each in events(result, e.WorkerReady)]
    assert not [at for at in up if 3_000_000 < at < 8_000_000]


# --- all together --------------------------------------------------------------------------------


def busy(sim, done):
    def app(pq):
        @pq.entrypoint("charge", concurrency_limit=3)
        async def charge(job):
            await asyncio.sleep(sim.random.uniform(0, 2))
            done.append(job.payload)

        @pq.schedule("sweep", "* * * * *")
        async def sweep(schedule):
            await asyncio.sleep(1)

    return app


async def stormy(sim):
    done = []
    sim.worker("a", busy(sim, done))
    sim.worker("b", busy(sim, done), pool=3)
    for number in range(12):
        await sim.queries.enqueue(["charge"] * 2, [b"%d" % number, b"%d" % (number + 12)], [0] * 2)
        await asyncio.sleep(sim.random.uniform(0, 10))
    await sim.settled()
    assert {*done} == {b"%d" % number for number in range(24)}


@pytest.mark.thorough
def test_the_set_of_faults_of_a_run_is_drawn_from_its_seed_and_all_of_them_come():
    config = Config(faults=Faults.named("production"), invariants=())
    sets = set()
    for seed in range(30):
        result = run(stormy, seed=seed, config=config)
        result.check()
        sets.add(frozenset(each.event.fault for each in events(result, e.FaultStruck)))
    assert frozenset().union(*sets) == frozenset(FAULT_KINDS)
    assert len(sets) > 20


def test_without_faults_nobody_strikes():
    assert not events(run(stormy, seed=1, config=UNJUDGED), e.FaultStruck, e.Healed)


def test_a_run_with_faults_repeats_itself_from_its_choices():
    config = Config(faults=Faults.named("production"), invariants=())
    for seed in range(4):
        first = run(stormy, seed=seed, config=config)
        again = run(stormy, seed=seed, config=config, choices=by_key(first.choices))
        assert again.digest == first.digest
        assert run(stormy, seed=seed, config=config).digest == first.digest


def test_nothing_strikes_any_more_when_the_world_is_healed():
    async def scenario(sim):
        sim.worker("a", busy(sim, []))
        sim.worker("b", busy(sim, []))
        await asyncio.sleep(100)
        sim.heal()
        await asyncio.sleep(400)

    for seed in range(6):
        result = run(scenario, seed=seed, config=ALL)
        result.check()
        (healed,) = events(result, e.Healed)
        assert 100_000_000 <= healed.at <= 160_000_000
        assert all(each.at <= 100_000_000 for each in events(result, e.FaultStruck))
        assert not [
            each for each in events(result, e.WorkerStarted) if each.at > healed.at + 60_000_000
        ]


def test_a_scenario_may_stop_a_worker_that_a_fault_has_killed_and_it_stays_down():
    async def scenario(sim):
        a = sim.worker("a", shop([]))
        await asyncio.sleep(21.5)
        assert not a.alive
        a.pause(seconds(1))  # of what is down
        a.disconnect()
        a.skew(seconds(5))
        await asyncio.sleep(40)
        assert a.alive
        a.crash()
        await asyncio.sleep(1)
        assert not a.alive
        a.restart()
        await asyncio.sleep(180 - sim.elapsed().total_seconds() + 1.5)
        assert not a.alive
        a.stop()
        await asyncio.sleep(200)
        assert not a.alive
        a.restart()
        assert a.alive

    back = {"a back": dict.fromkeys(range(2), RUNGS - 1)}
    picks = {"a second disaster:crash/second": {20: 1, 180: 1}, **back}
    befallen(scenario, picks).check()


def test_an_error_that_no_fault_explains_still_fails_the_run():
    async def scenario(sim):
        def app(pq):
            raise PostgresError("42P01", "no such table")

        sim.worker("a", app)
        await asyncio.sleep(5)

    assert "no such table" in run(scenario, config=ALL).failure.message


@pytest.mark.parametrize("names", ["network,", "weather", "crash;stop"])
def test_an_unknown_fault_is_refused(names):
    with pytest.raises(UsageError, match="choose none or network or production"):
        Faults.named(names)


def test_an_error_that_nobody_looks_at_is_reported_ever_more_rarely_and_a_seen_one_never():
    async def scenario(sim):
        async def fail():
            raise ValueError("lost")

        kept = []

        async def setup(pq):
            kept.extend([asyncio.create_task(fail(), name="kept"), asyncio.create_task(fail())])
            await asyncio.wait(kept)
            kept[1].exception()

        sim.worker("a", setup)
        await asyncio.sleep(400)

    result = run(scenario, config=UNJUDGED)
    result.check()
    ignored = events(result, e.ErrorIgnored)
    assert [round(each.at / 60_000_000) for each in ignored] == [2, 3, 5]
    assert {(each.worker, each.event.task) for each in ignored} == {("a", "kept")}
    assert ignored[0].event.error == "ValueError: lost"


def test_tasks_that_a_handler_left_are_told_of_when_its_worker_ends():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("forget")
            async def forget(job):
                pq.kept = asyncio.create_task(asyncio.sleep(1000), name="forgotten")

        a = sim.worker("a", app)
        await sim.queries.enqueue("forget", None)
        await sim.settled()
        a.stop()
        await a.wait()

    result = run(scenario, config=UNJUDGED)
    result.check()
    assert [each.event.tasks for each in events(result, e.TasksLeaked)] == [("forgotten",)]


# --- what once was a false alarm -----------------------------------------------------------------


@pytest.mark.parametrize("pool", [None, 3])
def test_a_cancel_that_comes_with_the_claim_is_heard_over_one_connection(pool):
    """What the reply wakes goes first, as with asyncpg; over two a cancel can be faster."""
    deaf = set()
    for seed in range(40):

        async def scenario(sim):
            def app(pq):
                @pq.entrypoint("charge")
                async def charge(job):
                    await asyncio.sleep(1)

            sim.worker("a", app, pool=pool, batch_size=1)
            for _ in range(20):
                (job,) = await sim.queries.enqueue("charge", None)
                await asyncio.sleep(sim.random.uniform(0, 0.003))
                await sim.queries.mark_job_as_cancelled([job])

        result = run(scenario, seed=seed, config=Config(invariants=("cancel-is-heard",)))
        deaf.add(result.failure and result.failure.signature)
    assert deaf == ({None} if pool is None else {None, "invariant:cancel-is-heard:before-dispatch"})


def test_a_connection_that_processes_share_is_not_blocked_by_one_that_is_killed():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("ask")
            async def ask(job):
                while True:
                    await sim.queries.queue_size()

        workers = [sim.worker(name, app, restart="always") for name in "abc"]
        await sim.queries.enqueue(["ask"] * 3, [None] * 3, [0] * 3)
        for _ in range(40):
            await asyncio.sleep(sim.random.uniform(0, 2))
            sim.random.choice([each for each in workers if each.alive] or workers).crash()
            await sim.queries.queue_size()

    for seed in range(8):
        result = run(scenario, seed=seed, config=UNJUDGED)
        assert result.passed or "it has ended" in result.failure.message


def test_a_worker_that_its_scenario_has_stopped_is_not_started_again_by_a_fault():
    async def scenario(sim):
        a = sim.worker("a", shop([], lasts=60), restart="always")
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(15)
        a.stop()
        assert await a.wait() == "killed"
        await asyncio.sleep(100)
        assert not a.alive
        sim.heal()
        assert not a.alive

    befallen(scenario, {"a second disaster:crash/second": {20: 1}}).check()


def test_a_worker_that_dies_again_and_again_comes_back_later_each_time():
    async def scenario(sim):
        sim.worker("a", shop([]))
        await asyncio.sleep(300)

    result = befallen(
        scenario,
        {"a second disaster:crash/second": dict.fromkeys(range(5, 12), 1)},
    )
    result.check()
    died = [each.at for each in events(result, e.WorkerCrashed)]
    back = [each.at for each in events(result, e.WorkerStarted)[1:]]
    waits = [later - sooner for sooner, later in zip(died, back, strict=False)]
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]


def test_a_statement_that_a_pool_cannot_reset_after_raises_though_it_was_done():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                with pytest.raises(PostgresError, match="could not serialize"):
                    await pq.qm.queries.enqueue("other", None)

        sim.worker("a", app, pool=3)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        assert sim.driver.connection.tables.jobs.count("queued") == 1

    opened = []

    class Listening(Seeded):
        def deviations(self, key):
            opened.append(key)
            return super().deviations(key)

    run(scenario, seed=1, config=ALL, choices=Listening(1))
    key = next(
        key
        for key in opened
        if "mishap:fail/reset" in key and "charge" not in key and "_dispatch" in key
    )
    befallen(scenario, {key: {0: 1}}).check()
