import asyncio
import contextlib
import os
import signal
import threading
import time

import pytest

from simqueue.errors import UsageError
from simqueue.model.events import WorkerExited
from simqueue.sim.run import run
from simqueue.sim.watches.interrupts import gated


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # the handler runs between two bytecodes of this thread


def test_an_interrupt_is_kept_until_what_must_not_be_cut_short_is_done():
    done = []
    with pytest.raises(KeyboardInterrupt), gated():
        interrupt()
        done.append(True)
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_raised_at_once_while_the_gate_is_open():
    told = []
    with pytest.raises(KeyboardInterrupt), gated() as gate, gate.opened(lambda: told.append(True)):
        interrupt()
        pytest.fail("it was not raised")
    assert told
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_was_swallowed_is_raised_at_the_end():
    def swallow(gate):
        with gate.opened(lambda: None), contextlib.suppress(BaseException):
            interrupt()

    with pytest.raises(KeyboardInterrupt), gated() as gate:
        swallow(gate)


def test_interrupts_while_the_gate_is_closed_are_one():
    done = []
    with pytest.raises(KeyboardInterrupt), gated():
        for _ in range(3):
            interrupt()
            done.append(True)
    assert len(done) == 3


def test_code_that_is_closed_at_the_end_of_a_run_can_be_interrupted():
    async def scenario(sim):
        async def stubborn():
            try:
                await asyncio.sleep(100)
            finally:
                begun.set()
                while True:
                    pass

        tasks.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(1)

    begun, tasks, main = threading.Event(), [], threading.get_ident()
    kill = threading.Thread(
        target=lambda: begun.wait() and signal.pthread_kill(main, signal.SIGINT)
    )
    kill.start()
    with pytest.raises(KeyboardInterrupt):
        run(scenario)
    kill.join()
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL


def test_a_run_whose_code_swallows_the_interrupt_is_interrupted_all_the_same():
    async def scenario(sim):
        with contextlib.suppress(BaseException):
            begun.set()
            while True:
                pass
        await asyncio.sleep(1)
        went_on.append(True)

    begun, went_on, main = threading.Event(), [], threading.get_ident()
    kill = threading.Thread(
        target=lambda: begun.wait() and signal.pthread_kill(main, signal.SIGINT)
    )
    kill.start()
    with pytest.raises(KeyboardInterrupt):
        run(scenario)
    kill.join()
    assert went_on == []


def test_who_handles_interrupts_himself_goes_on_doing_so():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        with gated():
            interrupt()
            assert heard
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_real_interrupt_ends_a_run_and_leaves_nothing_behind():
    async def scenario(sim):
        begun.set()
        while True:
            await asyncio.sleep(1)

    for _ in range(5):
        begun = threading.Event()
        kill = threading.Thread(
            target=lambda: begun.wait() and signal.pthread_kill(main, signal.SIGINT)
        )
        main = threading.get_ident()
        kill.start()
        with pytest.raises(KeyboardInterrupt):
            run(scenario)
        kill.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    async def calm(sim):
        await asyncio.sleep(1)

    run(calm).check()


def test_two_threads_cannot_simulate_at_a_time():
    async def scenario(sim):
        begun.set()
        go_on.wait()

    begun, go_on = threading.Event(), threading.Event()
    first = threading.Thread(target=lambda: results.append(run(scenario)))
    results = []
    holder = threading.Thread(target=go_on.wait)  # else nobody could end the wait in the run
    holder.start()
    first.start()
    assert begun.wait(10)
    with pytest.raises(UsageError, match="one at a time"):
        run(scenario)
    go_on.set()
    first.join()
    holder.join()
    results[0].check()


def failing_with(raising):
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("stop")
            async def stop(job):
                await raising()

        sim.worker("a", app)
        await sim.queries.enqueue("stop", None)
        await sim.settled()

    return run(scenario)


def test_an_interrupt_that_a_handler_raises_itself_fails_the_run_and_names_the_handler():
    async def raising():
        raise KeyboardInterrupt("enough")

    result = failing_with(raising)
    assert (result.failure.kind, result.failure.message) == (
        "exception",
        "KeyboardInterrupt: enough",
    )
    assert result.failure.where.endswith("names_the_handler.raising")
    exited = [each for each in result.events if isinstance(each.event, WorkerExited)]
    assert [(each.worker, each.event.error) for each in exited] == [
        ("a", "KeyboardInterrupt: enough")
    ]


def test_an_interrupt_that_code_in_a_thread_raises_itself_is_its_error():
    def blocking():
        raise KeyboardInterrupt("in a thread")

    result = failing_with(lambda: asyncio.to_thread(blocking))
    assert result.failure.message == "KeyboardInterrupt: in a thread"
    assert result.failure.where.endswith("blocking")


def test_an_interrupt_that_a_scenario_raises_itself_fails_the_run():
    async def scenario(sim):
        await asyncio.sleep(1)
        raise KeyboardInterrupt

    assert run(scenario).failure.message == "KeyboardInterrupt"


def test_a_worker_that_ends_by_an_interrupt_of_its_own_is_started_again():
    raised = []

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("stop")
            async def stop(job):
                if not raised:
                    raised.append(True)
                    raise KeyboardInterrupt

        sim.worker("a", app, restart="always")
        await sim.queries.enqueue("stop", None)
        await sim.settled()

    run(scenario).check()
    assert raised


def test_where_somebody_else_handles_interrupts_they_may_come_from_outside():
    async def scenario(sim):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(scenario)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert run(scenario).failure.message == "KeyboardInterrupt"
    finally:
        signal.signal(signal.SIGINT, before)
