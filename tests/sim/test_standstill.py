"""A step that neither computes nor returns is ended, in real time."""

import asyncio
import contextlib
import os
import pdb  # noqa: T100  it is imitated, not entered
import signal
import threading
import weakref
from datetime import timedelta

import pytest

from simqueue.model.config import Config
from simqueue.sim.run import run
from simqueue.sim.watches.realtime import ticking

SHORT = Config(step_limit=timedelta(seconds=0.1))
SIGNAL = signal.SIGRTMIN + 5


@pytest.fixture
def pipe():
    """The ends of a pipe: what reads from it waits in C code."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_step_that_waits_for_ever_is_ended_with_its_line(pipe):
    async def scenario(sim):
        wait_for(pipe)

    failure = run(scenario, config=SHORT).failure
    assert failure.kind == "livelock"
    assert failure.signature == "livelock:hang:wait_for"
    assert failure.where.startswith("test_standstill.py:")
    assert "a step has neither computed nor returned at test_standstill.py:" in failure.message
    assert "Config.step_limit" in failure.message
    assert signal.getsignal(SIGNAL) is signal.SIG_DFL


def wait_for(pipe):
    return os.read(pipe[0], 1)


def test_a_function_in_a_thread_that_waits_for_ever_is_ended(pipe):
    async def scenario(sim):
        await asyncio.to_thread(wait_for, pipe)

    failure = run(scenario, config=SHORT).failure
    assert failure.message.startswith("a function in a thread has neither computed nor returned")
    assert failure.signature == "livelock:hang:wait_for"


def test_a_c_function_in_a_thread_is_named_by_its_process(pipe):
    async def scenario(sim):
        await asyncio.to_thread(os.read, pipe[0], 1)

    assert "at an unknown place of scenario for" in run(scenario, config=SHORT).failure.message


def test_a_step_that_swallows_its_end_is_ended_again(pipe):
    async def scenario(sim):
        for _ in range(2):
            with contextlib.suppress(BaseException):
                wait_for(pipe)

    assert run(scenario, config=SHORT).failure.signature == "livelock:hang:wait_for"


def test_what_waits_for_ever_while_the_world_is_taken_down_is_ended(pipe):
    async def scenario(sim):
        async def stubborn():
            try:
                await asyncio.sleep(100)
            finally:
                wait_for(pipe)

        tasks.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(1)

    tasks = []
    assert run(scenario, config=SHORT).failure.signature == "livelock:hang:wait_for"


def test_an_rlock_that_another_thread_keeps_is_not_waited_for_longer():
    lock, taken, end = threading.RLock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            end.wait()

    async def scenario(sim):
        with lock:
            pass

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    failure = run(scenario, config=SHORT).failure
    end.set()
    thread.join()
    assert failure.signature.startswith("livelock:hang:test_an_rlock")


@contextlib.contextmanager
def fed(pipe, delay_s=0.5):
    """Write to a pipe after a time that is longer than the limit."""
    feeding = threading.Timer(delay_s, os.write, (pipe[1], b"x"))
    feeding.start()
    try:
        yield
    finally:
        feeding.join()


def at_a_prompt(pipe):
    """Wait as a debugger does for what a person types."""
    frame = {"__name__": pdb.__name__, "wait_for": wait_for}
    exec("def interaction(pipe): return wait_for(pipe)", frame)
    return frame["interaction"](pipe)


def test_a_person_at_a_debuggers_prompt_is_waited_for(pipe):
    async def scenario(sim):
        assert at_a_prompt(pipe) == b"x"

    with fed(pipe):
        run(scenario, config=SHORT).check()


def test_without_a_limit_nothing_is_ended(pipe):
    async def scenario(sim):
        assert wait_for(pipe) == b"x"

    with fed(pipe, 0.3):
        run(scenario, config=Config(step_limit=timedelta(0))).check()


def test_a_signal_that_is_somebody_elses_is_left_alone(pipe):
    heard = []
    before = signal.signal(SIGNAL, lambda *_: heard.append(True))
    try:
        with ticking(0.01, lambda *_: pytest.fail("it was called")):
            signal.raise_signal(SIGNAL)
        assert heard
    finally:
        signal.signal(SIGNAL, before)


def test_in_a_forked_process_the_timer_ticks_too(pipe):
    async def scenario(sim):
        wait_for(pipe)

    assert not run(scenario, config=SHORT).passed
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os._exit(0 if run(scenario, config=SHORT).failure.kind == "livelock" else 3)
        os._exit(4)
    assert os.waitpid(child, 0)[1] == 0


# --- texts that never end ---


class EndlessError(Exception):
    def __str__(self):  # noqa: PLE0307  it never comes to that
        while True:
            pass


def test_the_text_of_what_ended_the_program_is_made_under_watch():
    async def scenario(sim):
        raise SystemExit(EndlessError())

    failure = run(scenario, config=SHORT).failure
    assert failure.signature == "livelock:hang:EndlessError.__str__"


def test_the_text_of_an_error_that_is_found_after_the_run_is_not_made():
    async def scenario(sim):
        async def fail():
            raise EndlessError

        kept.append(asyncio.create_task(fail()))
        await asyncio.sleep(0)

    kept = []
    run(scenario, config=Config(invariants=())).check()
    errors = [weakref.ref(task.get_coro()) for task in kept]
    kept.clear()  # the task reports now that nobody looked at its error
    assert [each() for each in errors] == [None]
