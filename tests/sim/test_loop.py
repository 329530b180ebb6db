import asyncio
import contextvars
import gc
import time

import anyio
import anyio.to_thread
import pytest

from simqueue.errors import RefusedError
from simqueue.sim.run import run


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
        with pytest.raises(RefusedError, match=r"test_loop\.py:\d+"):
            await reach(asyncio.get_running_loop())

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
