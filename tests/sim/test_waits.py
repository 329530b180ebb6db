"""What a function in a thread, or a step of the loop, may wait for."""

import _queue
import _thread
import asyncio
import concurrent.futures
import queue
import threading
import time
from datetime import timedelta

import anyio.from_thread
import anyio.to_thread
import pytest
from anyio.from_thread import run as run_from_thread

from simqueue.errors import RefusedError
from simqueue.model.config import Config
from simqueue.model.events import LogLine, LoopBlocked
from simqueue.sim.entropy import waits
from simqueue.sim.run import run

LOCK = threading.Lock()


async def answer():
    return 42


def begun(loop):
    return asyncio.run_coroutine_threadsafe(answer(), loop)


def put_twice(loop):
    full = queue.Queue(1)
    full.put("first")
    full.put("second", timeout=1)


def poll_an_event(loop):
    stop = threading.Event()
    while not stop.wait(1):
        pass


def poll_a_flag(loop):
    flags = []
    while not flags:
        time.sleep(600)


def poll_often(loop):
    flags = []
    while not flags:
        time.sleep(0.001)


def join_another(loop):
    OTHER[0].join(1)


OTHER = []

WAITS = {
    "Future.result": (
        lambda loop: begun(loop).result(timeout=10),
        "concurrent.futures.Future.result in a thread",
    ),
    "Future.result without a timeout": (
        lambda loop: begun(loop).result(),
        "concurrent.futures.Future.result in a thread",
    ),
    "Future.exception": (
        lambda loop: begun(loop).exception(1),
        "concurrent.futures.Future.exception in a thread",
    ),
    "futures.wait": (
        lambda loop: concurrent.futures.wait([begun(loop)], timeout=1),
        "concurrent.futures.wait in a thread",
    ),
    "as_completed": (
        lambda loop: list(concurrent.futures.as_completed([begun(loop)], timeout=1)),
        "concurrent.futures.as_completed in a thread",
    ),
    "Event.wait": (lambda loop: threading.Event().wait(1), "threading.Event.wait in a thread"),
    "Event.wait without a timeout": (
        lambda loop: threading.Event().wait(),
        "threading.Event.wait in a thread",
    ),
    "polling an event": (poll_an_event, "threading.Event.wait in a thread"),
    "Semaphore.acquire": (
        lambda loop: threading.Semaphore(0).acquire(timeout=1),
        "threading.Semaphore.acquire in a thread",
    ),
    "Barrier.wait": (
        lambda loop: threading.Barrier(2).wait(1),
        "threading.Barrier.wait in a thread",
    ),
    "Queue.get": (lambda loop: queue.Queue().get(timeout=1), "queue.Queue.get in a thread"),
    "Queue.put": (put_twice, "queue.Queue.put in a thread"),
    "SimpleQueue.get": (
        lambda loop: queue.SimpleQueue().get(timeout=1),
        "queue.SimpleQueue.get in a thread",
    ),
    "SimpleQueue.get without a timeout": (
        lambda loop: queue.SimpleQueue().get(),
        "queue.SimpleQueue.get in a thread",
    ),
    "Thread.join": (join_another, "threading.Thread.join in a thread"),
    "Lock.acquire": (lambda loop: LOCK.acquire(), "threading.Lock.acquire of a lock that is held"),
    "Lock.acquire with a timeout": (
        lambda loop: LOCK.acquire(timeout=0.01),
        "threading.Lock.acquire of a lock that is held",
    ),
    "asyncio.run": (lambda loop: asyncio.run(asyncio.sleep(0)), "asyncio.new_event_loop"),
    "polling a flag": (poll_a_flag, "sleeping in a thread beyond the run's limit of 1:00:00"),
    "polling a flag often": (
        poll_often,
        "sleeping 1,000 times in one function of a thread",
    ),
    "call_soon": (lambda loop: loop.call_soon(print), "loop.call_soon in a thread"),
    "call_later": (lambda loop: loop.call_later(1, print), "loop.call_later or call_at in a"),
    "create_task": (lambda loop: loop.create_task(asyncio.sleep(0)), "loop.create_task in a"),
    "from_thread.run": (lambda loop: anyio.from_thread.run(answer), "anyio.from_thread.run"),
    "from_thread.run, imported before": (
        lambda loop: run_from_thread(answer),
        "anyio.from_thread.run",
    ),
    "from_thread.run_sync": (
        lambda loop: anyio.from_thread.run_sync(print),
        "anyio.from_thread.run_sync",
    ),
    "check_cancelled": (
        lambda loop: anyio.from_thread.check_cancelled(),
        "anyio.from_thread.check_cancelled",
    ),
}


@pytest.fixture
def other_thread(monkeypatch):
    """A daemon that was started before the run and goes on meanwhile."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, daemon=True)
    thread.start()
    monkeypatch.setitem(globals(), "OTHER", [thread])
    yield thread
    end.set()
    thread.join()


@pytest.mark.filterwarnings("ignore:coroutine")  # one that is refused is never awaited
@pytest.mark.parametrize("name", WAITS)
def test_a_function_in_a_thread_that_waits_for_another_step_is_refused(
    name, other_thread, monkeypatch
):
    call, what = WAITS[name]
    monkeypatch.setattr("simqueue.sim.loop.machine._SLEEPS_MAX", 1_000)
    monkeypatch.setattr(waits, "_PATIENCE_S", 0.01)

    async def scenario(sim):
        loop = asyncio.get_running_loop()
        with LOCK:
            await asyncio.sleep(1)
            if name.startswith(("from_", "check")):
                await anyio.to_thread.run_sync(attempt, call, loop)
            else:
                await loop.run_in_executor(None, attempt, call, loop)

    failure = run(scenario, config=Config(limit=timedelta(hours=1))).failure
    assert failure.message.startswith("RefusedError: ")
    assert what in failure.message
    assert "(at test_waits.py:" in failure.message


def attempt(call, loop):
    call(loop)


def test_a_blocking_portal_is_refused_in_a_thread():
    async def scenario(sim):
        async with anyio.from_thread.BlockingPortal() as portal:
            await asyncio.to_thread(lambda: portal.call(answer))

    failure = run(scenario).failure
    assert "calling through an anyio.from_thread.BlockingPortal" in failure.message


def test_what_is_there_already_can_be_had_in_a_thread():
    def work(done, ready, lock):
        assert done.wait(5)
        assert not threading.Event().wait(0)
        assert [ready.get(timeout=1), ready.get()] == [1, 2]
        with pytest.raises(queue.Empty):
            ready.get(block=False)
        with pytest.raises(queue.Empty):
            ready.get(timeout=0)
        with lock:
            assert not lock.acquire(blocking=False)
        assert lock.acquire(timeout=1)
        lock.release()
        simple = queue.SimpleQueue()
        simple.put(3)
        future = concurrent.futures.Future()
        future.set_result(4)
        return simple.get(), future.result(timeout=1), lock.locked()

    async def scenario(sim):
        done, ready, lock = threading.Event(), queue.Queue(), threading.Lock()
        done.set()
        ready.put(1)
        ready.put(2)
        assert await asyncio.to_thread(work, done, ready, lock) == (3, 4, False)
        assert sim.elapsed() < timedelta(seconds=1)

    run(scenario).check()


def test_the_loop_waits_with_a_timeout_in_virtual_time(monkeypatch):
    monkeypatch.setattr(waits, "_PATIENCE_S", 0.01)

    async def scenario(sim):
        held = threading.Lock()
        began = time.monotonic()
        assert held.acquire(timeout=9)
        assert not held.acquire(timeout=5)
        assert time.monotonic() - began == 5
        assert not threading.Event().wait(3)
        with pytest.raises(queue.Empty):
            queue.SimpleQueue().get(timeout=2)
        assert time.monotonic() - began == 10

    run(scenario).check()


@pytest.mark.parametrize("how", ["event", "lock", "simple queue"])
def test_the_loop_is_refused_to_wait_while_a_function_in_a_thread_has_still_to_run(
    how, monkeypatch
):
    monkeypatch.setattr(waits, "_PATIENCE_S", 0.01)

    async def scenario(sim):
        event, simple, lock = threading.Event(), queue.SimpleQueue(), threading.Lock()
        lock.acquire()
        thread = asyncio.create_task(asyncio.to_thread(event.set))
        await asyncio.sleep(0)
        if how == "event":
            event.wait(5)
        elif how == "lock":
            lock.acquire(timeout=5)
        else:
            simple.get(timeout=5)
        await thread

    failure = run(scenario, choices={}).failure
    assert failure.message.startswith("RefusedError: ")
    assert "test_waits.py" in failure.where

    async def after(sim):
        event = threading.Event()
        await asyncio.to_thread(event.is_set)
        assert not event.wait(5)

    run(after).check()


def test_a_lock_that_the_loop_needs_and_a_task_holds_is_refused_where_it_is_taken(monkeypatch):
    monkeypatch.setattr(waits, "_PATIENCE_S", 0.01)

    async def scenario(sim):
        async def hold():
            with lock:
                await asyncio.sleep(3)

        lock = threading.Lock()
        task = asyncio.create_task(hold())
        await asyncio.sleep(1)
        with lock:
            await task

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError: threading.Lock.acquire of a lock that is held")
    assert "asyncio.Lock" in failure.message
    assert failure.signature.endswith(":with lock:")


def test_a_lock_that_another_thread_holds_for_a_moment_is_waited_for():
    lock, taken = threading.Lock(), threading.Event()

    def hold():
        with lock:
            taken.set()
            asked.wait()

    async def scenario(sim):
        asked.set()
        with lock:
            pass

    asked = threading.Event()
    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    taken.wait()
    run(scenario).check()
    thread.join()


def test_locks_and_queues_are_as_before_when_the_run_is_over():
    kept = {}
    before = (_thread.LockType.acquire, _thread.LockType.__enter__, _queue.SimpleQueue.get)

    async def scenario(sim):
        kept.update(lock=threading.Lock(), event=threading.Event(), queue=queue.Queue())
        assert _thread.LockType.acquire is not before[0]

    run(scenario).check()
    assert before == (
        _thread.LockType.acquire, _thread.LockType.__enter__, _queue.SimpleQueue.get
    )  # fmt: skip
    with pytest.raises(TypeError):
        _thread.LockType.acquire = None
    with kept["lock"]:
        assert not kept["lock"].acquire(timeout=0.001)
    assert not kept["event"].wait(0.001)
    with pytest.raises(queue.Empty):
        kept["queue"].get(timeout=0.001)


def test_arguments_of_a_lock_are_checked_as_outside_a_run():
    async def scenario(sim):
        lock = threading.Lock()
        for wrong in ((False, 5), (True, -5)):
            with pytest.raises(ValueError, match="timeout"):
                lock.acquire(*wrong)
        lock.acquire()
        for wrong in ((False, 5), (True, -5)):
            with pytest.raises(ValueError, match="timeout"):
                lock.acquire(*wrong)

    run(scenario).check()


# --- sleeping in a thread ---


def events(result, kind):
    return [entry for entry in result.events if isinstance(entry.event, kind)]


def app_of(work):
    def app(pq):
        @pq.entrypoint("work")
        async def handle(job):
            await asyncio.to_thread(work)

    return app


def test_a_thread_that_sleeps_does_not_block_its_loop_and_is_recorded_as_a_thread():
    async def scenario(sim):
        sim.worker("a", app_of(lambda: time.sleep(120)))
        sim.worker("b", lambda pq: time.sleep(5))
        await sim.queries.enqueue("work", None)
        await sim.settled()

    result = run(scenario)
    result.check()
    slept = [(entry.worker, entry.event) for entry in events(result, LoopBlocked)]
    assert sorted(slept, key=lambda each: each[0]) == [
        ("a", LoopBlocked(120_000_000, thread=True)),
        ("b", LoopBlocked(5_000_000)),
    ]


def logging_work(sim):
    def work():
        for name in ("begins", "goes on", "ends"):
            sim.log.info(name)
            time.sleep(3)

    return work


def test_what_a_thread_does_after_it_slept_is_recorded_at_its_own_time():
    async def scenario(sim):
        sim.worker("a", app_of(logging_work(sim)))
        await sim.queries.enqueue("work", None)
        await sim.settled()

    result = run(scenario)
    (first, second, third) = events(result, LogLine)
    assert [second.at - first.at, third.at - second.at] == [3_000_000, 3_000_000]
    assert {each.worker for each in (first, second, third)} == {"a"}
    assert len(events(result, LoopBlocked)) == 3


def test_what_a_thread_would_do_after_its_process_was_killed_is_not_recorded():
    async def scenario(sim):
        worker = sim.worker("a", app_of(logging_work(sim)))
        await sim.queries.enqueue("work", None)
        await asyncio.sleep(4.5)
        worker.crash()
        await asyncio.sleep(20)

    result = run(scenario, config=Config(invariants=()), choices={})
    assert len(events(result, LogLine)) == 2


@pytest.mark.parametrize("seconds", [1e15, float("inf"), 2**63])
def test_a_sleep_that_is_too_long_for_the_machine_is_an_overflow(seconds):
    async def scenario(sim):
        for _ in range(2):
            with pytest.raises(OverflowError):
                time.sleep(seconds)
        with pytest.raises(OverflowError):
            await asyncio.to_thread(time.sleep, seconds)

    run(scenario).check()


@pytest.mark.parametrize("sleep", [time.sleep, threading.Event().wait])
def test_a_process_that_sleeps_for_ages_ends_with_the_run(sleep, tmp_path):
    async def scenario(sim):
        for _ in range(2_000):
            sleep(9e9)
        sim.log.info("in the far future")

    result = run(scenario)
    assert result.failure.kind == "timeout"
    result.trace.save(tmp_path / "trace.json")


def test_a_generator_that_a_thread_drops_is_closed_on_the_loop():
    closed = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            closed.append(asyncio.get_running_loop())

    async def scenario(sim):
        generators = [numbers()]
        assert await anext(generators[0]) == 1
        await asyncio.get_running_loop().run_in_executor(None, generators.clear)
        await asyncio.sleep(2)
        assert closed == [asyncio.get_running_loop()]

    run(scenario).check()


def test_a_wait_that_is_itself_the_function_is_refused_by_its_name():
    async def scenario(sim):
        with pytest.raises(RefusedError, match=r"queue\.Queue\.get in a thread"):
            await asyncio.to_thread(queue.Queue().get, timeout=1)

    run(scenario)


def test_polling_with_a_deadline_in_a_thread_is_refused():
    async def scenario(sim):
        flag = []

        def poll():
            end = time.monotonic() + 30
            while not flag and time.monotonic() < end:
                time.sleep(0.1)
            return bool(flag)

        task = asyncio.create_task(asyncio.to_thread(poll))
        await asyncio.sleep(2)
        flag.append(1)
        assert await task

    message = run(scenario).failure.message
    assert "sleeping and reading a clock 20 times in one function of a thread" in message


def test_a_few_tries_with_a_clock_in_a_thread_are_none():
    async def scenario(sim):
        def retry():
            began = time.monotonic()
            for _ in range(5):
                time.sleep(1)
                elapsed = time.monotonic() - began
            return elapsed

        assert await asyncio.to_thread(retry) == 5

    run(scenario).check()
