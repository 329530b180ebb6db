"""What a run puts in place of the machine is gone after it; other threads never saw it."""

import _posixsubprocess
import _random
import _signal
import _socket
import _ssl
import _thread
import asyncio
import builtins
import concurrent.futures
import ctypes
import gc
import inspect
import multiprocessing
import os
import platform
import posix
import queue
import random
import resource
import select
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import timedelta
from os import urandom
from random import random as rand
from time import monotonic, sleep
from time import time as now
from types import BuiltinFunctionType, ModuleType

import anyio.to_thread
import pytest
import time_machine
from anyio._backends._asyncio import AsyncIOBackend
from pgqueuer import PgQueuer

from simqueue.errors import RefusedError, UsageError
from simqueue.model.config import Config
from simqueue.sim import patches
from simqueue.sim.patches import patched
from simqueue.sim.patching.builtin import Builtin
from simqueue.sim.patching.depth import Depth
from simqueue.sim.patching.source import Control
from simqueue.sim.run import run

TOUCHED = (
    time, posix, random, uuid, tempfile, socket, _socket, ssl, _ssl, select, selectors, signal,
    _signal, threading, _thread, asyncio, asyncio.events, asyncio.futures, asyncio.tasks, gc,
    platform, resource, builtins, os, _posixsubprocess, socket.socket, ssl.SSLSocket,
    threading.Condition, _random.Random, AsyncIOBackend, PgQueuer,
)  # fmt: skip


def state():
    """Everything that a run replaces somewhere, as it is now."""
    found = {
        (owner.__name__, name): value
        for owner in TOUCHED
        for name, value in vars(owner).items()
        # time-machine forgets the last; a wall clock that goes on makes no difference of it.
        if name not in ("_current_tasks", "__warningregistry__", "_last_timestamp")
    }
    words = {
        key: bytes(Builtin(value)._words)[16:40]
        for key, value in found.items()
        if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType)
    }
    bound = {key: value.__self__ for key, value in found.items() if inspect.ismethod(value)}
    others = {
        "random": hash(random.getstate()[1]),
        # Python 3.12 freezes a few hundred immortal objects in each collection of everything.
        "gc": (gc.isenabled(), gc.get_freeze_count() > 1_000, gc.get_threshold(), gc.callbacks[:]),
        "zone": (time.tzname, os.environ.get("TZ")),
        "travels": list(time_machine.traveller_stack),
        "hooks": (sys.get_asyncgen_hooks(), sys.unraisablehook),
        "loop": asyncio._get_running_loop(),
    }
    return found, words, bound, others


class World:
    """A world without processes, for what no run is needed for."""

    attended = False
    depth = Depth()

    def __init__(self):
        self.slept = []
        self.read = []

    def now_us(self):
        return 5_000_000

    def wall_ns(self):
        return 1_700_000_000_000_000_000

    def sleep(self, seconds):
        self.slept.append(seconds)

    def in_thread(self):
        return False

    def awaits_threads(self):
        return False

    def pid(self):
        return 7

    def note_reading(self, value):
        self.read.append(value)


def warm_up():
    """Let the first time look up what is there, and import it."""
    with patched(World(), 0):
        pass


async def returns(sim):
    rand(), uuid.uuid1(), tempfile.mktemp(), monotonic(), random.seed(3), random.gauss(0, 1)
    platform.node()
    await anyio.to_thread.run_sync(sleep, 1)


async def fails(sim):
    await returns(sim)
    raise ValueError("no")


async def is_interrupted(sim):
    await returns(sim)
    ctypes.pythonapi.PyErr_SetInterrupt()
    await asyncio.sleep(1)


async def exits(sim):
    await returns(sim)
    sys.exit(3)


async def goes_on(sim):
    while True:
        await asyncio.sleep(60)


async def waits_for_ever(sim):
    await asyncio.Event().wait()


async def spins(sim):
    while True:
        await asyncio.sleep(0)


async def travels(sim):
    time_machine.travel(0, tick=False).start()
    gc.enable()
    gc.unfreeze()
    gc.callbacks.append(print)
    random.seed(1)


@pytest.mark.parametrize(
    "scenario",
    [returns, fails, is_interrupted, exits, goes_on, waits_for_ever, spins, travels],
)
def test_after_a_run_everything_is_what_it_was(scenario):
    gc.unfreeze()  # Python 3.12 freezes a few objects as it starts
    random.Random("text")  # Python 3.13 imports what this needs when it is needed
    warm_up()
    before = state()
    config = Config(limit=timedelta(hours=1), steps_per_instant_max=500)
    if scenario is is_interrupted:
        with pytest.raises(KeyboardInterrupt):
            run(scenario, config=config)
    else:
        run(scenario, config=config)
    assert state() == before


@pytest.mark.parametrize("position", range(len(patches.CONTROLS) + 1))
def test_an_interrupt_while_patches_are_installed_leaves_nothing(monkeypatch, position):
    class Interrupting:
        def install(self):
            raise KeyboardInterrupt

        def restore(self):
            pass

    controls = list(patches.CONTROLS)
    controls.insert(position, Control(controls[0].source, lambda scope: [Interrupting()]))
    warm_up()
    monkeypatch.setattr(patches, "CONTROLS", tuple(controls))
    gc.unfreeze()
    before = state()
    with pytest.raises(KeyboardInterrupt), patched(World(), 0):
        pytest.fail("it was not interrupted")
    assert state() == before


def test_a_patch_that_cannot_be_restored_at_first_does_not_keep_the_others(monkeypatch):
    tries = []

    class Interrupted:
        def install(self):
            pass

        def restore(self):
            tries.append(1)
            if len(tries) == 1:
                raise KeyboardInterrupt

    warm_up()
    extra = Control(patches.CONTROLS[0].source, lambda scope: [Interrupted()])
    monkeypatch.setattr(patches, "CONTROLS", (*patches.CONTROLS, extra))
    gc.unfreeze()
    before = state()
    with pytest.raises(KeyboardInterrupt), patched(World(), 0):
        pass
    assert len(tries) == 2
    assert state() == before


def test_what_a_run_was_the_first_to_find_out_is_forgotten(monkeypatch):
    monkeypatch.setattr(tempfile, "_name_sequence", None)
    monkeypatch.setattr(platform, "_uname_cache", None)
    run(returns).check()
    assert tempfile._name_sequence is None
    assert platform._uname_cache is None


def test_two_simulations_at_a_time_are_refused_and_the_first_goes_on():
    with patched(World(), 0):
        with pytest.raises(UsageError, match="one simulation at a time"), patched(World(), 0):
            pytest.fail("it was not refused")
        assert monotonic() == 5.0
        assert now() == 1_700_000_000
    assert monotonic() != 5.0


def test_readings_are_noted_and_sleeps_are_handed_over():
    world = World()
    with patched(world, 0):
        monotonic(), now()
        sleep(0.25)
        with pytest.raises(ValueError, match="non-negative"):
            sleep(-1)
        with pytest.raises(TypeError):
            sleep("1")
    assert world.read == [5_000_000, 1_700_000_000_000_000_000]
    assert world.slept == [0.25]


def test_what_was_drawn_shows_in_the_state():
    def drawn(draw):
        with patched(World(), 0) as randomness:
            draw()
            return randomness.state()

    draws = (lambda: None, rand, lambda: urandom(1), lambda: random.seed(5), uuid.uuid4)
    assert drawn(rand) == drawn(rand)
    assert len({drawn(draw) for draw in (*draws[:3], draws[3])}) == 4
    assert drawn(draws[4]) == drawn(draws[2])  # both are one draw from the operating system


@pytest.fixture
def other_thread():
    """Run functions in a thread that was started before."""
    asked, answered = queue.SimpleQueue(), queue.SimpleQueue()

    def work():
        while (function := asked.get()) is not None:
            try:
                answered.put((function(), None))
            except BaseException as error:
                answered.put((None, error))

    thread = threading.Thread(target=work)
    thread.start()

    def call(function):
        asked.put(function)
        value, error = answered.get()
        if error is not None:
            raise error
        return value

    yield call
    asked.put(None)
    thread.join()


def test_other_threads_keep_the_real_clocks_and_randomness(other_thread):
    random.seed(11)
    expected = rand()
    random.seed(11)
    with patched(World(), 0):
        assert other_thread(monotonic) != 5.0
        assert abs(other_thread(now) - 1_700_000_000) > 1_000_000
        assert other_thread(rand) == expected
        assert other_thread(os.getpid) != 7
        assert other_thread(lambda: urandom(8)) != other_thread(lambda: urandom(8))
        began = other_thread(monotonic)
        other_thread(lambda: sleep(0.001))
        assert other_thread(monotonic) > began
        assert os.getpid() == 7


def test_other_threads_are_refused_nothing(other_thread):
    def everything():
        left, right = socket.socketpair()
        with left, right:
            left.send(b"x")
            ready, _, _ = select.select([right], [], [], 5)
            assert ready == [right]
            assert right.recv(1) == b"x"
        thread = threading.Thread(target=len, args=("",))
        thread.start()
        thread.join()
        assert asyncio.run(asyncio.sleep(0, "done")) == "done"
        event = threading.Event()
        assert event.wait(0.001) is False
        loop = asyncio.new_event_loop()
        future = asyncio.Future(loop=loop)
        loop.close()
        return hash(future) == object.__hash__(future)

    with patched(World(), 0):
        assert other_thread(everything)


def test_a_module_imported_in_a_run_keeps_no_stand_in_that_matters(tmp_path, monkeypatch):
    (tmp_path / "lazily_imported.py").write_text(
        "from asyncio import all_tasks, new_event_loop\nfrom select import epoll\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    async def scenario(sim):
        import lazily_imported

        with pytest.raises(RefusedError):
            lazily_imported.new_event_loop()

    assert "asyncio.new_event_loop is refused" in run(scenario).failure.message
    lazily = sys.modules.pop("lazily_imported")
    lazily.new_event_loop().close()
    lazily.epoll().close()

    async def main():
        return lazily.all_tasks() == {asyncio.current_task()}

    assert asyncio.run(main())


def test_who_watches_collections_is_not_called_in_a_run():
    """Hypothesis times them, from the first property on: the digest must not depend on that."""

    async def scenario(sim):
        gc.collect()

    calls = []

    def watch(phase, info):
        calls.append((phase, monotonic()))

    alone = run(scenario).digest
    gc.callbacks.append(watch)
    try:
        assert run(scenario).digest == alone
        assert calls == []
        gc.collect()
        assert [phase for phase, _ in calls] == ["start", "stop"]
    finally:
        gc.callbacks.remove(watch)


def test_asyncios_names_mean_what_they_say_during_a_run():
    async def scenario(sim):
        async def work():
            return 1

        loop = asyncio.get_running_loop()
        task, future = asyncio.create_task(work()), loop.create_future()
        assert isinstance(task, asyncio.Task)
        assert isinstance(task, asyncio.Future)
        assert isinstance(future, asyncio.Future)
        assert not isinstance(future, asyncio.Task)
        assert issubclass(asyncio.Task, asyncio.Future)
        assert isinstance(outside, asyncio.Future)
        assert asyncio.isfuture(asyncio.Future())
        assert isinstance(asyncio.Future[int](), asyncio.Future)
        assert not isinstance(3, asyncio.Future)

        class Own(asyncio.Future):
            pass

        assert isinstance(Own(), Own)
        assert not isinstance(future, Own)
        await task

    loop = asyncio.new_event_loop()
    outside = loop.create_future()
    loop.close()
    run(scenario).check()


def test_pgqueuers_in_memory_is_a_client_of_the_simulated_database():
    class Own(PgQueuer):
        pass

    async def scenario(sim):
        pq, own = PgQueuer.in_memory(), Own.in_memory(resources={"a": 1})
        await pq.queries.enqueue("charge", b"x")
        await own.queries.enqueue("charge", b"y")
        assert isinstance(own, Own)
        assert own.resources == {"a": 1}
        (size,) = await sim.queries.queue_size()
        assert size.count == 2

    run(scenario).check()
    from pgqueuer.adapters.inmemory import InMemoryDriver

    assert isinstance(asyncio.run(_made()).connection, InMemoryDriver)


async def _made():
    return PgQueuer.in_memory()


def test_a_thread_started_before_the_run_can_be_waited_for():
    begin, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (begin.wait(), end.set()))
    thread.start()

    async def scenario(sim):
        begin.set()
        assert end.wait()

    run(scenario).check()
    thread.join()


# --- refused ---

MADE_BEFORE = socket.socketpair()
FREE = socket.socket()
EPOLL = selectors.DefaultSelector()


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    for each in (*MADE_BEFORE, FREE, EPOLL):
        each.close()


TO_THREAD = "asyncio.to_thread"
WORKER = "sim.worker()"
STOP = "worker.stop()"
CONNECT = "sim.connect()"
AWAIT = "await"

# A lambda looks a name up during the run, as code does that does not keep what it found.
REFUSED = {
    "Thread.start": (lambda: threading.Thread(target=len).start(), TO_THREAD),
    "Timer.start": (lambda: threading.Timer(1, len).start(), TO_THREAD),
    "start_new_thread": (lambda: _thread.start_new_thread(len, ()), TO_THREAD),
    "start_new": (lambda: _thread.start_new(len, ()), TO_THREAD),
    "executor": (lambda: concurrent.futures.ThreadPoolExecutor().submit(len, ""), TO_THREAD),
    "fork": (os.fork, WORKER),
    "forkpty": (os.forkpty, WORKER),
    "posix_spawn": (lambda: os.posix_spawn("/bin/true", ["true"], {}), WORKER),
    "posix_spawnp": (lambda: os.posix_spawnp("true", ["true"], {}), WORKER),
    "system": (lambda: os.system("true"), WORKER),
    "popen": (lambda: os.popen("true"), WORKER),
    "execv": (lambda: os.execv("/bin/true", ["true"]), WORKER),
    "execlp": (lambda: os.execlp("true", "true"), WORKER),
    "subprocess": (lambda: subprocess.run(["true"], check=True), WORKER),
    "multiprocessing": (
        lambda: multiprocessing.get_context("fork").Process(target=len).start(), WORKER,
    ),
    "_exit": (lambda: os._exit(3), "worker.crash()"),
    "abort": (os.abort, "worker.crash()"),
    "signal": (lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN), STOP),
    "setitimer": (lambda: signal.setitimer(signal.ITIMER_REAL, 100), STOP),
    "alarm": (lambda: signal.alarm(100), STOP),
    "pause": (signal.pause, STOP),
    "raise_signal": (lambda: signal.raise_signal(0), STOP),
    "pthread_kill": (lambda: signal.pthread_kill(threading.get_ident(), 0), STOP),
    "kill": (lambda: os.kill(os.getppid(), 0), STOP),
    "killpg": (lambda: os.killpg(0, 0), STOP),
    "set_wakeup_fd": (lambda: signal.set_wakeup_fd(-1), STOP),
    "sigwait": (lambda: signal.sigwait([signal.SIGUSR1]), STOP),
    "sigwaitinfo": (lambda: signal.sigwaitinfo([signal.SIGUSR1]), STOP),
    "sigtimedwait": (lambda: signal.sigtimedwait([signal.SIGUSR1], 0), STOP),
    "interrupt_main": (_thread.interrupt_main, STOP),
    "socket": (socket.socket, CONNECT),
    "socketpair": (socket.socketpair, CONNECT),
    "create_connection": (lambda: socket.create_connection(("localhost", 1)), CONNECT),
    "connect": (lambda: FREE.connect(("localhost", 1)), CONNECT),
    "connect_ex": (lambda: FREE.connect_ex(("localhost", 1)), CONNECT),
    "bind": (lambda: FREE.bind(("localhost", 0)), CONNECT),
    "listen": (lambda: FREE.listen(), CONNECT),  # noqa: PLW0108
    "accept": (lambda: FREE.accept(), CONNECT),  # noqa: PLW0108
    "send": (lambda: MADE_BEFORE[0].send(b"x"), CONNECT),
    "sendall": (lambda: MADE_BEFORE[0].sendall(b"x"), CONNECT),
    "sendmsg": (lambda: MADE_BEFORE[0].sendmsg([b"x"]), CONNECT),
    "sendto": (lambda: MADE_BEFORE[0].sendto(b"x", None), CONNECT),
    "recv": (lambda: MADE_BEFORE[0].recv(1), CONNECT),
    "recv_into": (lambda: MADE_BEFORE[0].recv_into(bytearray(1)), CONNECT),
    "recvfrom": (lambda: MADE_BEFORE[0].recvfrom(1), CONNECT),
    "makefile": (lambda: MADE_BEFORE[0].makefile("rb").read(1), CONNECT),
    "getaddrinfo": (lambda: socket.getaddrinfo("localhost", 1), CONNECT),
    "gethostbyname": (lambda: socket.gethostbyname("localhost"), CONNECT),
    "gethostbyname_ex": (lambda: socket.gethostbyname_ex("localhost"), CONNECT),
    "gethostbyaddr": (lambda: socket.gethostbyaddr("127.0.0.1"), CONNECT),
    "getnameinfo": (lambda: socket.getnameinfo(("127.0.0.1", 1), 0), CONNECT),
    "select": (lambda: select.select([], [], [], 0), AWAIT),
    "poll": (select.poll, AWAIT),
    "epoll": (lambda: select.epoll(), AWAIT),  # noqa: PLW0108
    "selector": (lambda: EPOLL.select(0), AWAIT),
    "new_event_loop": (lambda: asyncio.new_event_loop(), WORKER),  # noqa: PLW0108
    "runner": (lambda: asyncio.Runner().get_loop(), WORKER),
    "input": (lambda: input(), "cannot be repeated"),  # noqa: PLW0108
    "clock_settime": (lambda: time.clock_settime(time.CLOCK_REALTIME, 0), "Worker.skew"),
    "Event.wait": (lambda: threading.Event().wait(), "asyncio.Event"),
    "Queue.get": (lambda: queue.Queue().get(), "asyncio.Queue"),
}  # fmt: skip
if hasattr(_thread, "start_joinable_thread"):
    REFUSED["start_joinable_thread"] = (lambda: _thread.start_joinable_thread(len), TO_THREAD)


def attempt(call):
    """Reach for something that is refused; the line of this function is the user's."""
    call()


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("where", ["scenario", "handler"])
def test_what_no_seed_can_repeat_is_refused_with_the_place_and_a_way_out(name, where):
    call, instead = REFUSED[name]
    errors = []

    def reach():
        with pytest.raises(RefusedError) as caught:
            attempt(call)
        errors.append(caught.value)

    async def scenario(sim):
        if where == "scenario":
            reach()
            return

        def app(pq):
            @pq.entrypoint("probe")
            async def handle(job):
                reach()

        sim.worker("w", app)
        await sim.queries.enqueue("probe", None)
        await sim.settled()

    failure = run(scenario).failure
    (error,) = errors
    assert failure.message == f"RefusedError: {error}"
    assert error.where.startswith("test_patches.py:")
    assert instead in error.instead


@pytest.mark.parametrize("name", ["Thread.start", "socket", "signal", "subprocess"])
def test_a_refusal_that_nobody_catches_is_the_runs_failure(name):
    async def scenario(sim):
        REFUSED[name][0]()

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError")
    assert "test_patches.py:" in failure.message
