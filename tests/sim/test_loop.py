import asyncio
import contextlib
import contextvars
import gc
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import pytest

from simqueue.model.config import Config
from simqueue.sim.run import run
from simqueue.sim.text.failing import FailedRun


def play(body, **options):
    """Run ``body()`` as a scenario; return what it returned."""
    results = []

    async def scenario(sim):
        results.append(await body())

    outcome = run(scenario, **options)
    outcome.check()
    return results[0]


def test_asyncio_behaves_as_on_its_own_loop():
    async def body():
        seen = []

        async def child(name, delay):
            try:
                await asyncio.sleep(delay)
                seen.append(name)
            finally:
                seen.append(f"{name} done")
            return name

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child(name, delay)) for name, delay in (("b", 2), ("a", 1))]
        seen.append([task.result() for task in tasks])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child("slow", 60), 5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        seen.append(asyncio.get_running_loop().time())
        return seen

    calm = play(body, choices={})
    assert calm == ["a", "a done", "b", "b done", ["b", "a"], "slow done", 8.0]
    for seed in range(10):
        assert play(body, seed=seed)[:-1] == calm[:-1]


def test_call_soon_keeps_its_order_and_its_context():
    variable = contextvars.ContextVar("variable", default=0)

    async def body():
        loop = asyncio.get_running_loop()
        seen = []
        for number in range(3):
            context = contextvars.copy_context()
            context.run(variable.set, number)
            loop.call_soon(lambda: seen.append(variable.get()), context=context)
        loop.call_soon(seen.append, "never").cancel()
        await asyncio.sleep(0)
        return seen

    assert play(body) == [0, 1, 2]


def test_timer_handles_know_their_moment_and_can_be_cancelled():
    async def body():
        loop = asyncio.get_running_loop()
        seen = []
        timer = loop.call_later(3, seen.append, "late")
        loop.call_at(loop.time() + 1, timer.cancel)
        await asyncio.sleep(10)
        return seen, timer.when(), timer.cancelled()

    assert play(body) == ([], 3.0, True)


@pytest.mark.parametrize("seed", range(5))
def test_functions_in_threads_run_on_this_thread_at_a_chosen_step(seed):
    async def body():
        async def tick():
            for _ in range(5):
                await asyncio.sleep(1)
                ticks.append(time.monotonic())

        ticks = []
        ticking = asyncio.create_task(tick())
        started = time.monotonic()
        values = await asyncio.gather(
            asyncio.to_thread(lambda: time.sleep(2.5) or "one"),
            anyio.to_thread.run_sync(lambda: time.sleep(1.5) or "two"),
            asyncio.get_running_loop().run_in_executor(None, "three".upper),
        )
        took = time.monotonic() - started
        await ticking
        return values, took, len(ticks)

    values, took, ticks = play(body, seed=seed)
    assert values == ["one", "two", "THREE"]
    assert 2.5 <= took < 3.6
    assert ticks == 5


def test_a_thread_hands_over_the_error_it_ended_with():
    async def body():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.to_thread(next, iter(()))

    play(body)


def test_context_variables_reach_a_thread():
    variable = contextvars.ContextVar("variable")

    async def body():
        variable.set("seen")
        return await asyncio.to_thread(variable.get)

    assert play(body) == "seen"


@pytest.mark.parametrize(
    "reach",
    [
        lambda loop: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "true"),
        lambda loop: loop.add_signal_handler(15, print),
        lambda loop: asyncio.open_connection("127.0.0.1", 1),
        lambda loop: asyncio.create_subprocess_exec("true"),
    ],
)
def test_the_world_outside_is_refused_with_the_place(reach):
    async def body():
        await reach(asyncio.get_running_loop())

    with pytest.raises(FailedRun, match=r"RefusedError: .* \(at test_loop\.py:\d+ in "):
        play(body)


def test_a_blocking_call_moves_the_clock_of_its_own_process():
    async def body():
        before = time.time(), time.monotonic(), asyncio.get_running_loop().time()
        time.sleep(4)
        after = time.time(), time.monotonic(), asyncio.get_running_loop().time()
        return [late - early for early, late in zip(before, after, strict=True)]

    assert play(body, choices={}) == [4.0, 4.0, 4.0]


def test_an_abandoned_async_generator_is_closed_at_a_step_of_the_run():
    async def body():
        closed = []

        async def numbers():
            try:
                for number in range(9):
                    yield number
            finally:
                await asyncio.sleep(1)
                closed.append(asyncio.get_running_loop().time())

        async for _ in numbers():
            break
        await asyncio.sleep(5)
        return closed

    assert play(body, choices={}) == [1.0]


def test_sets_of_tasks_and_futures_iterate_alike_whatever_their_addresses():
    async def body():
        async def child():
            await asyncio.sleep(1)

        junk = [object() for _ in range(len(gc.get_objects()) % 97)]
        tasks = [asyncio.create_task(child()) for _ in range(40)]
        futures = {asyncio.get_running_loop().create_future() for _ in range(40)}
        bare = [asyncio.Future() for _ in range(40)]
        order = [tasks.index(task) for task in set(tasks)]
        await asyncio.wait(set(tasks))
        del junk
        return order, [bare.index(future) for future in set(bare)], len(futures)

    assert play(body) == play(body)


def test_tasks_are_named_after_their_coroutines():
    async def body():
        async def child():
            return asyncio.current_task().get_name()

        return [await asyncio.create_task(child()) for _ in range(2)]

    first, second = play(body)
    assert first.endswith("child#1")
    assert second.endswith("child#2")
    assert "<locals>" not in first


def test_a_task_factory_is_honoured():
    async def body():
        made = []

        def factory(loop, coro, **options):
            made.append(coro.__qualname__)
            return asyncio.Task(coro, loop=loop, **options)

        async def child():
            return 5

        asyncio.get_running_loop().set_task_factory(factory)
        return await asyncio.create_task(child(), name="mine"), made

    value, made = play(body)
    assert value == 5
    assert made[0].endswith("child")


def test_anyio_works_on_the_loop():
    async def body():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 3)
            with anyio.move_on_after(1) as scope:
                await anyio.sleep_forever()
        return scope.cancelled_caught, anyio.current_time()

    assert play(body, choices={}) == (True, 3.0)


# --- time is never early, and moves on for who waits for it ---


@pytest.mark.parametrize("blocking", [True, False])
def test_sleeping_for_what_is_left_ends(blocking):
    """What is left of a float is often less than a microsecond."""

    async def body():
        for number in range(200):
            end = time.monotonic() + 0.001 * number + number / 3e6
            while (left := end - time.monotonic()) > 0:
                if blocking:
                    time.sleep(left)
                else:
                    await asyncio.sleep(left)
        return "ended"

    assert play(body) == "ended"


def test_no_callback_runs_before_its_moment():
    async def body():
        loop = asyncio.get_running_loop()
        early = []

        def check(when):
            if loop.time() < when:
                early.append((when, loop.time()))

        for number in range(300):
            when = loop.time() + number / 7e5
            loop.call_at(when, check, when)
        await asyncio.sleep(1)
        return early

    assert play(body) == []


@pytest.mark.parametrize("polite", [True, False])
@pytest.mark.parametrize("loops", [True, False])
def test_time_moves_on_for_who_reads_the_clock_until_it_does(polite, loops):
    async def body():
        clock = asyncio.get_running_loop().time if loops else time.monotonic
        begin = clock()
        while clock() < begin + 0.05:
            if polite:
                await asyncio.sleep(0)
        return clock() - begin

    assert 0.05 <= play(body) < 0.06


@pytest.mark.parametrize("seed", range(120))
def test_a_scope_of_anyio_ends_at_its_deadline(seed):
    """It compares the loop's time with its deadline itself, and begins again if that is early."""

    async def scenario(sim):
        await asyncio.sleep(sim.random.uniform(0, 5))
        with anyio.move_on_after(0.5) as scope:
            await anyio.sleep(1)
        assert scope.cancelled_caught

    run(scenario, seed=seed).check()


def test_time_goes_on_in_a_busy_loop():
    """anyio cancels again and again, at each turn of the loop, what takes no notice."""

    async def body():
        task = asyncio.create_task(asyncio.sleep(0.5))
        with anyio.move_on_after(0.1):
            while not task.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(task)
        return asyncio.get_running_loop().time()

    assert 0.5 <= play(body) < 0.6


# --- threads that are none ---


def test_an_executor_runs_as_many_calls_at_a_time_as_it_has_threads():
    def work(number):
        begun.append(number)
        time.sleep(1)

    async def body(executor, calls):
        begun.clear()
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(executor, work, n) for n in range(calls)))
        return loop.time()

    begun = []
    one, three = ThreadPoolExecutor(1), ThreadPoolExecutor(3)
    for seed in range(10):
        assert 5 <= play(lambda: body(one, 5), seed=seed) < 7
        assert begun == [0, 1, 2, 3, 4]
        assert 2 <= play(lambda: body(three, 6), seed=seed) < 4
        assert 3 <= play(lambda: body(None, 20), seed=seed) < 5


def test_a_call_that_was_cancelled_before_a_thread_was_free_never_runs():
    async def body():
        loop = asyncio.get_running_loop()
        first = loop.run_in_executor(one, time.sleep, 1)
        second = loop.run_in_executor(one, ran.append, "second")
        await asyncio.sleep(0.5)
        second.cancel()
        await first
        await loop.run_in_executor(one, ran.append, "third")

    ran, one = [], ThreadPoolExecutor(1)
    play(body)
    assert ran == ["third"]


def test_a_thread_has_no_loop_and_reaches_that_of_its_process():
    async def body():
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        async def wait(seconds):
            await asyncio.sleep(seconds)
            event.set()

        def work():
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            loop.call_soon_threadsafe(loop.call_later, 1, heard.append, "later")
            asyncio.run_coroutine_threadsafe(wait(2), loop)
            return "done"

        assert await asyncio.to_thread(work) == "done"
        await event.wait()
        return heard

    heard = []
    assert play(body) == ["later"]


# --- what each process has for itself ---


def test_settings_of_the_loop_and_its_tasks_are_each_processs_own():
    """A worker sees its own tasks, errors and factory, as in a process of its own."""
    seen = {}

    async def scenario(sim):
        def app(name):
            async def setup(pq):
                loop = asyncio.get_running_loop()
                loop.set_exception_handler(lambda _, context: seen[name].append(context["message"]))
                loop.set_task_factory(
                    lambda loop, coro, **rest: asyncio.Task(coro, loop=loop, **rest)
                )
                seen[name] = []
                loop.call_soon(int, "none")
                await asyncio.sleep(1)
                seen[name].append(len(asyncio.all_tasks()))

            return setup

        sim.worker("a", app("a"))
        sim.worker("b", app("b"))
        assert asyncio.get_running_loop().get_task_factory() is None
        assert asyncio.get_running_loop().get_exception_handler() is None
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(5)

    outcome = run(scenario, config=Config(without=("no-silent-error",)))
    outcome.check()
    assert seen == {name: ["Exception in callback int", 1] for name in "ab"}
    assert sum("TaskFailed" in type(entry.event).__name__ for entry in outcome.events) == 2
