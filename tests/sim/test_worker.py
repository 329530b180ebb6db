import asyncio
import contextvars
import gc
import socket
import sys
import threading
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import anyio
import pytest
from pgqueuer import PgQueuer, RetryRequested
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.domain.types import QueueExecutionMode

from simqueue.errors import UsageError
from simqueue.model.events import (
    HandlerFinished,
    HandlerRaised,
    HandlerStarted,
    JobPicked,
    LogLine,
    LoopBlocked,
    WorkerCrashed,
    WorkerExited,
    WorkerReady,
    WorkerStarted,
)
from simqueue.sim.run import run
from simqueue.sim.world import World


def check(scenario, **options):
    result = run(scenario, **options)
    result.check()
    return result


def events(result, *types):
    return [entry.event for entry in result.events if isinstance(entry.event, types)]


def idle(pq):
    pass


@pytest.mark.parametrize("seed", range(5))
def test_a_worker_runs_jobs_and_schedules_of_the_real_managers(seed):
    done = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                done.append(job.payload)

            @pq.schedule("sweep", "* * * * *")
            async def sweep(schedule):
                done.append(schedule.entrypoint)

        sim.worker("a", app)
        await sim.queries.enqueue(["charge"] * 3, [b"1", b"2", b"3"], [0, 1, 2])
        await sim.settled()
        await asyncio.sleep(130)

    check(scenario, seed=seed)
    assert sorted(done, key=str) == [b"1", b"2", b"3", "sweep", "sweep"]


@pytest.mark.parametrize("kind", ["function", "async function", "context manager"])
def test_registration_code_comes_in_three_forms(kind):
    steps = []

    def register(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            steps.append("charge")

    async def asynchronous(pq):
        await asyncio.sleep(1)
        register(pq)

    @asynccontextmanager
    async def managed(pq):
        register(pq)
        steps.append("enter")
        yield
        steps.append("exit")

    setups = {"function": register, "async function": asynchronous, "context manager": managed}

    async def scenario(sim):
        worker = sim.worker("a", setups[kind])
        await sim.queries.enqueue("charge", None)
        await sim.settled()
        worker.stop()
        assert await worker.wait() == "returned"

    check(scenario)
    assert steps == (["enter", "charge", "exit"] if kind == "context manager" else ["charge"])


def test_run_options_reach_pgqueuer():
    async def scenario(sim):
        worker = sim.worker("a", idle, mode=QueueExecutionMode.drain)
        assert await worker.wait() == "returned"
        assert not worker.alive
        assert worker.exit == "returned"

    check(scenario)


def test_a_crash_runs_no_finally_and_leaves_the_row_picked():
    """Not at the crash, nor when the world is taken down, nor when what is left is collected."""
    steps = []

    @asynccontextmanager
    async def transaction():
        try:
            yield
        finally:
            steps.append("rollback")

    def numbers():
        try:
            yield 1
        finally:
            steps.append("closed")

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                generator = numbers()
                try:
                    async with transaction():
                        steps.append("begin")
                        await asyncio.sleep(60 * next(generator))
                except BaseException:
                    steps.append("except")
                finally:
                    steps.append("finally")

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        worker.crash()
        assert (worker.alive, worker.exit) == (False, "killed")
        await asyncio.sleep(100)
        (row,) = await sim.queries.browse_queue()
        assert row.status == "picked"

    result = check(scenario)
    gc.collect()
    assert steps == ["begin"]
    assert events(result, WorkerCrashed)


def test_what_a_living_process_left_is_closed_at_the_end():
    steps = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                try:
                    await asyncio.sleep(60)
                finally:
                    steps.append("finally")

        sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)

    check(scenario)
    assert steps == ["finally"]


@pytest.mark.parametrize("end", ["crash", "stop"])
def test_runs_leave_nothing_in_memory(end):
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.sleep(6)

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        getattr(worker, end)()

    def living():  # without a collection: a campaign gets none either
        return sum(
            str(type(each).__module__).startswith("simqueue.sim.") for each in gc.get_objects()
        )

    check(scenario)
    before = living()
    for seed in range(5):
        check(scenario, seed=seed)
    assert living() == before


def test_another_worker_takes_over_what_a_killed_one_had_picked():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.sleep(10)

        first = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        first.crash()
        sim.worker("b", app)
        await sim.settled()
        assert sim.elapsed() > timedelta(seconds=30)

    result = check(scenario)
    first, second = events(result, JobPicked)
    assert (first.stale, second.stale) == (False, True)
    assert second.previous == first.manager != second.manager


@pytest.mark.parametrize("seed", range(5))
def test_stopping_lets_running_jobs_finish(seed):
    done = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.sleep(3)
                done.append(job.id)

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(2)
        worker.stop()
        worker.stop()
        assert await worker.wait() == "returned"
        assert await worker.wait() == "returned"

    check(scenario, seed=seed)
    assert done == [1]


def test_a_worker_told_to_stop_before_it_is_ready_ends_at_once():
    async def scenario(sim):
        async def slow(pq):
            await asyncio.sleep(20)

        worker = sim.worker("a", slow)
        await asyncio.sleep(1)
        worker.stop()
        await worker.wait()
        assert sim.elapsed() < timedelta(seconds=40)

    check(scenario)


def test_restarting_gives_a_new_process_with_a_new_manager():
    async def scenario(sim):
        worker = sim.worker("a", idle)
        await asyncio.sleep(1)
        worker.restart()
        await worker.wait()
        await asyncio.sleep(5)
        assert (worker.alive, worker.incarnation) == (True, 2)
        worker.crash()
        worker.restart()
        assert (worker.alive, worker.incarnation) == (True, 3)
        await asyncio.sleep(5)

    result = check(scenario)
    assert [event.incarnation for event in events(result, WorkerStarted)] == [1, 2, 3]
    assert len({event.manager for event in events(result, WorkerReady)}) == 3


def test_a_supervisor_restarts_what_was_killed_or_failed_but_not_what_was_stopped():
    async def scenario(sim):
        async def fragile(pq):
            if sim.elapsed() < timedelta(seconds=8):
                await asyncio.sleep(1)
                raise ConnectionError("not yet")

        worker = sim.worker("a", fragile, restart="always")
        await asyncio.sleep(30)
        assert worker.alive
        worker.crash()
        await asyncio.sleep(30)
        assert worker.alive
        worker.stop()
        await asyncio.sleep(60)
        assert not worker.alive

    result = check(scenario)
    assert "ConnectionError: not yet" in [event.error for event in events(result, WorkerExited)]


def test_an_error_that_ends_a_worker_fails_the_run():
    async def scenario(sim):
        def broken(pq):
            raise ValueError("no settings")

        sim.worker("a", broken)
        await asyncio.sleep(60)

    failure = run(scenario).failure
    assert failure.message == "ValueError: no settings"
    assert failure.where.endswith("broken")


def test_a_handler_that_exits_ends_its_process_and_fails_the_run():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                raise SystemExit(4)

        sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(60)

    assert run(scenario).failure.message == "SystemExit: 4"


def test_handlers_are_observed():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                if job.attempts == 0:
                    raise RetryRequested(reason="busy")

        sim.worker("a", app, dequeue_timeout=timedelta(seconds=1))
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    result = check(scenario)
    assert len(events(result, HandlerStarted)) == 2
    (raised,) = events(result, HandlerRaised)
    assert raised.error == "RetryRequested: busy"
    start = next(e for e in result.events if isinstance(e.event, HandlerStarted))
    assert isinstance(result.events[start.cause].event, JobPicked)


def test_a_blocked_handler_blocks_its_own_worker_alone():
    beats = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                before = time.monotonic()
                time.sleep(7)
                assert time.monotonic() - before == 7

        def other(pq):
            @pq.entrypoint("tick")
            async def tick(job):
                beats.append(sim.elapsed())

        sim.worker("a", app)
        sim.worker("b", other)
        await asyncio.sleep(2)
        await sim.queries.enqueue("charge", None)
        for _ in range(5):
            await asyncio.sleep(1)
            await sim.queries.enqueue("tick", None)
        assert len(beats) >= 4
        await sim.settled()
        assert sim.elapsed() > timedelta(seconds=9)

    check(scenario, choices={})


def test_a_killed_process_says_nothing_of_what_it_would_have_done_after_blocking():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                time.sleep(20)
                sim.log.info("after")

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(10)
        worker.crash()
        await asyncio.sleep(60)

    result = check(scenario)
    assert events(result, LoopBlocked)
    assert not events(result, LogLine, HandlerFinished)


def test_names_are_unique_and_setups_callable():
    async def scenario(sim):
        sim.worker("a", idle)
        for name, setup in (("a", idle), ("server", idle), ("b", None)):
            with pytest.raises(UsageError):
                sim.worker(name, setup)

    check(scenario)


def test_an_ended_worker_cannot_be_stopped_and_says_so():
    async def scenario(sim):
        worker = sim.worker("a", idle)
        worker.crash()
        for verb in (worker.stop, worker.crash):
            with pytest.raises(UsageError, match="restart"):
                verb()

    check(scenario)


@pytest.mark.parametrize("seed", range(3))
def test_completion_watchers_hear_of_the_end(seed):
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                await asyncio.sleep(1)

        sim.worker("a", app)
        async with CompletionWatcher(sim.driver, queries=sim.queries) as watcher:
            (job,) = await sim.queries.enqueue("charge", None)
            assert await watcher.wait_for(job) == "successful"

    check(scenario, seed=seed)


def test_pgqueuers_own_in_memory_factory_gives_the_simulated_database():
    async def scenario(sim):
        pq = PgQueuer.in_memory()
        seen = []

        @pq.entrypoint("charge")
        async def charge(job):
            seen.append(job.id)

        await sim.queries.enqueue("charge", None)
        await pq.run(mode=QueueExecutionMode.drain)
        assert seen == [1]
        assert await sim.queries.queue_size() == []

    check(scenario)


def test_settling_in_vain_is_a_timeout_that_names_the_jobs():
    async def scenario(sim):
        await sim.queries.enqueue("charge", None)
        await sim.settled(timeout=timedelta(seconds=20))

    failure = run(scenario).failure
    assert failure.kind == "timeout"
    assert "not settled after 20 s: job 1 (charge) is queued" in failure.message


# --- what must not pass for a job's own failure ---


def test_a_refusal_in_a_handler_fails_the_run_although_pgqueuer_takes_it_for_the_jobs():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("call")
            async def call(job):
                socket.create_connection(("example.org", 80))

        sim.worker("a", app)
        await sim.queries.enqueue("call", None)
        await sim.settled()

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError: socket.")
    assert "in test_a_refusal" in failure.where


@pytest.mark.parametrize("policy", ["never", "always"])
def test_sys_exit_ends_the_process_that_calls_it(policy):
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("leave")
            async def leave(job):
                sys.exit(3)

        a = sim.worker("a", app, restart=policy)
        b = sim.worker("b", idle)
        await sim.queries.enqueue("leave", None)
        await asyncio.sleep(5)
        assert (a.incarnation, a.alive, b.alive) == (2, True, True)

    result = run(scenario)
    # Whoever is started again takes up the job again.
    assert {exited.error for exited in events(result, WorkerExited)} == {"SystemExit: 3"}
    assert result.passed == (policy == "always")


# --- crashes at odd moments ---


def test_a_worker_cannot_crash_itself_since_its_step_would_run_on():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                with pytest.raises(UsageError, match="crash it from the scenario"):
                    worker.crash()

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await sim.settled()

    check(scenario)


def test_a_crash_silences_tasks_however_they_were_made_and_what_timers_hold():
    steps, kept = [], []

    async def scenario(sim):
        async def background():
            try:
                await asyncio.sleep(100)
            finally:
                steps.append("background")

        def numbers():
            try:
                yield 1
                yield 2
            finally:
                steps.append("numbers")

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                loop = asyncio.get_running_loop()
                asyncio.Task(background())
                kept.append(asyncio.create_task(background(), context=contextvars.Context()))
                if hasattr(asyncio, "eager_task_factory"):
                    loop.set_task_factory(asyncio.eager_task_factory)
                kept.append(asyncio.create_task(background()))
                generator = numbers()
                next(generator)
                loop.call_later(10, lambda: next(generator))

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        worker.crash()
        gc.collect()
        await asyncio.sleep(20)

    check(scenario)
    gc.collect()
    assert steps == []


# --- a blocked process is nobody's past ---


def test_who_slept_without_awaiting_is_heard_when_the_sleep_is_over():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                time.sleep(20)
                event.set()
                await sim.queries.enqueue("receipt", None)

        event = asyncio.Event()
        begin = sim.now()
        sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await event.wait()
        heard.append(sim.elapsed().total_seconds())
        await asyncio.sleep(1)
        (row,) = [row for row in await sim.queries.browse_queue() if row.entrypoint == "receipt"]
        heard.append((row.created - begin).total_seconds())

    heard = []
    check(scenario)
    assert min(heard) > 20


def test_a_scenario_that_sleeps_without_awaiting_is_told_so():
    async def scenario(sim):
        worker = sim.worker("a", idle)
        time.sleep(30)
        for act in (worker.crash, worker.stop, worker.restart):
            with pytest.raises(UsageError, match="await asyncio"):
                act()
        await asyncio.sleep(0)
        worker.crash()

    check(scenario)


def test_a_statement_cancelled_while_its_process_was_blocked_leaves_the_connection_free():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                time.sleep(1)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0):
                        await pq.qm.queries.queue_size()

        sim.worker("a", app)
        await sim.queries.enqueue(["charge"] * 3, [None] * 3, [0] * 3)
        await sim.settled()

    for seed in range(5):
        check(scenario, seed=seed)


def test_a_crash_silences_nothing_of_other_threads_or_of_the_living():
    """Generators of a thread beside the run, and of the scenario, end as ever."""
    ended = []

    def numbers(name):
        try:
            yield 1
        finally:
            ended.append(name)

    def beside():
        kept = numbers("beside")
        next(kept)
        begin.wait()
        made = numbers("made meanwhile")
        next(made)
        go_on.set()
        end.wait()

    async def scenario(sim):
        generator = numbers("scenario")
        next(generator)

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                own = numbers("killed")
                next(own)
                await asyncio.sleep(60)

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        begin.set()
        go_on.wait()
        worker.crash()
        gc.collect()
        await asyncio.sleep(1)

    begin, go_on, end = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=beside)
    thread.start()
    check(scenario)
    end.set()
    thread.join()
    gc.collect()
    assert sorted(ended) == ["beside", "made meanwhile", "scenario"]


def test_what_was_garbage_before_a_crash_is_collected_before_it():
    steps = []

    async def scenario(sim):
        def numbers(cycle):
            try:
                yield cycle
            finally:
                steps.append(worker.alive)

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                cycle = []
                cycle.append(numbers(cycle))
                next(cycle[0])
                del cycle
                await asyncio.sleep(60)

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        worker.crash()
        gc.collect()

    check(scenario)
    assert steps == [True]


def test_a_refusal_in_the_registration_code_fails_the_run_however_often_it_is_started():
    async def scenario(sim):
        def app(pq):
            socket.create_connection(("example.org", 80))

        sim.worker("a", app, restart="always")
        await asyncio.sleep(10)

    assert run(scenario).failure.message.startswith("RefusedError: socket.")


def test_a_crash_silences_nothing_that_the_living_hold_too():
    ended = []

    def numbers():
        try:
            yield 1
        finally:
            ended.append("scenario")

    async def scenario(sim):
        shared = {"mine": numbers()}
        next(shared["mine"])

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                shared["job"] = job.id
                await asyncio.sleep(60)

        worker = sim.worker("a", app)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(5)
        worker.crash()
        shared.clear()
        assert ended == ["scenario"]

    check(scenario)


def test_runs_with_anyio_leave_nothing_in_memory():
    async def scenario(sim):
        async def group():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep, 100)
                await anyio.sleep(100)

        task = asyncio.create_task(group())
        await asyncio.sleep(5)
        assert not task.done()

    def worlds():
        return sum(type(each) is World for each in gc.get_objects())

    check(scenario)
    before = worlds()
    for seed in range(5):
        check(scenario, seed=seed)
    assert worlds() == before
