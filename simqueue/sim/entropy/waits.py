"""Waits: calls that block until another thread does something.

A function for another thread runs to its end in one step, on the thread of the loop, and so does a
step of the loop. The awaited event cannot happen before the step is over.
"""

from __future__ import annotations

import _queue
import _thread
import functools
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from simqueue.errors import RefusedError
from simqueue.sim.code.debuggers import debugging
from simqueue.sim.code.places import name_of
from simqueue.sim.code.refusing import refusal
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.sealed import SealedAttribute
from simqueue.sim.patching.source import SIMULATING, Control, Scope, Source, World

_get_ident = _thread.get_ident
_LOCK: type = _thread.LockType
_PATIENCE_S = 1.0
"""How long, in real time, a thread outside the run may hold a lock."""
_PRIMITIVES = ("threading", "queue", "concurrent")

_IN_THREAD = (
    "the function runs to its end in one step of the simulation, so what it waits for cannot "
    "happen before it returns: return from the function and await in the async code that called it "
    "(the coroutine, an asyncio.Event, an asyncio.Queue); to wait for a time alone, use time.sleep"
)
_FOR_THREAD = (
    "a function in a thread of this process runs after this step, and may be what it waits for: "
    "await the result of asyncio.to_thread, or an asyncio.Event"
)
_FOR_NOBODY = (
    "no other thread runs during this step, so it would wait for ever; await an asyncio.Event "
    "or asyncio.Queue"
)
_LOCKED = (
    "its holder cannot release it before this step is over, since steps of tasks, functions in "
    "threads and simulated processes run one after the other: do not hold it while awaiting, or "
    "use an asyncio.Lock. A lock of a module is shared by the simulated processes that import it"
)


def _world() -> World | None:
    """Return the world whose code waits; None outside a world and for a debugger."""
    world = SIMULATING.get(_get_ident())
    return None if world is None or debugging() else world


def _vain(world: World, name: str, timeout: float | None) -> RefusedError | None:
    """Return why code must not wait, or None if it may.

    With a timeout it waits in virtual time. Without one it waits in real time, for a thread that
    was started before the run.
    """
    if timeout is None and _others():
        return None
    if world.in_thread():
        return refusal(f"{_called(name)} in a thread", _IN_THREAD)
    if timeout is None:
        return refusal("waiting for another thread without a timeout", _FOR_NOBODY)
    if world.awaits_threads():
        return refusal(f"{_called(name)} on the event loop", _FOR_THREAD)
    return None


def _others() -> bool:
    """Return whether a thread runs, started before the run, that will end what it does.

    The main thread does not count, since it waits for the run, and neither do daemons, which test
    runners and debuggers start: a run must not hang under them that is refused without.
    """
    mine = (threading.current_thread(), threading.main_thread())
    return any(each not in mine and not each.daemon for each in threading.enumerate())


def _called(name: str) -> str:
    """Return which function of Python's modules for threads was called: ``name``, or its caller."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] in _PRIMITIVES:
            name = f"{module}.{name_of(frame.f_code)}"
        elif module != __name__:
            break
        frame = frame.f_back
    return name.replace("._base.", ".")


# --- conditions, and primitives built on them ---


def _conditions(scope: Scope) -> Iterator[Patch]:
    original = threading.Condition.wait

    @functools.wraps(original)
    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        world = _world()
        if world is None:
            return original(self, timeout)
        if not self._is_owned():  # type: ignore[attr-defined]
            raise RuntimeError("cannot wait on un-acquired lock")
        if timeout is not None and timeout <= 0:
            return False
        refused = _vain(world, "threading.Condition.wait", timeout)
        if refused is not None:
            raise refused
        if timeout is None:
            return original(self)
        world.sleep(timeout)
        return False

    yield Attribute(threading.Condition, "wait", wait)


# --- locks ---

_FOR_EVER = -1
_acquire: Callable[..., bool] = _LOCK.acquire  # type: ignore[attr-defined]


def acquire(self: Any, blocking: bool = True, timeout: float = _FOR_EVER) -> bool:  # noqa: FBT001, FBT002
    """Acquire a lock as ``_thread.lock.acquire`` does, but never block in a simulation."""
    waits = blocking and (timeout > 0 or timeout == _FOR_EVER)
    if not waits or _get_ident() not in SIMULATING:
        return _acquire(self, blocking, timeout)  # also checks the arguments
    return _acquire(self, False) or _acquire_held(self, timeout)


def enter(self: Any) -> bool:
    """Acquire a lock, as ``with`` does."""
    return acquire(self)


def _acquire_held(lock: Any, timeout: float) -> bool:
    world = _world()
    if world is None or (timeout < 0 and _others()):
        return _acquire(lock, True, timeout)
    patience = _PATIENCE_S if timeout < 0 else min(timeout, _PATIENCE_S)
    if _acquire(lock, True, patience):
        return True
    if timeout < 0 or world.in_thread() or world.awaits_threads():
        raise refusal(f"{_called('threading.Lock.acquire')} of a lock that is held", _LOCKED)
    world.sleep(timeout)
    return False


def _locks(scope: Scope) -> Iterator[Patch]:
    for name in ("acquire", "acquire_lock"):
        yield SealedAttribute(_LOCK, name, acquire)
    yield SealedAttribute(_LOCK, "__enter__", enter)


# --- queues in C, threads ---


def _simple_queues(scope: Scope) -> Iterator[Patch]:
    original: Callable[..., Any] = _queue.SimpleQueue.get

    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        world = _world() if block and self.empty() else None
        if world is None or (timeout is not None and timeout <= 0):
            return original(self, block, timeout)
        refused = _vain(world, "queue.SimpleQueue.get", timeout)
        if refused is not None:
            raise refused
        if timeout is None:
            return original(self)
        world.sleep(timeout)
        raise queue.Empty

    yield SealedAttribute(_queue.SimpleQueue, "get", get)


def _joins(scope: Scope) -> Iterator[Patch]:
    original = threading.Thread.join

    @functools.wraps(original)
    def join(self: threading.Thread, timeout: float | None = None) -> None:
        world = _world() if self.is_alive() else None
        if world is not None and world.in_thread():
            refused = _vain(world, "threading.Thread.join", timeout)
            if refused is not None:
                raise refused
        original(self, timeout)

    yield Attribute(threading.Thread, "join", join)


CONTROLS = (
    Control(
        Source(
            "thread-waits",
            "threading.Condition.wait, Event.wait, Semaphore.acquire, Barrier.wait, queue.Queue.get"
            " and put, concurrent.futures.Future.result, wait, as_completed",
            "controlled",
            "where they would block: in a function in a thread refused, as what they wait for "
            "cannot happen before it returns; on the event loop with a timeout they block in "
            "virtual time until it is over, but are refused while a function in a thread has not "
            "run yet; without a timeout refused. A thread that is no daemon and was started before "
            "the run is waited for, without a timeout, in real time",
        ),
        _conditions,
    ),
    Control(
        Source(
            "thread-joins",
            "queue.SimpleQueue.get, threading.Thread.join in a function in a thread",
            "controlled",
            "as threading.Condition.wait and the others",
        ),
        lambda scope: (*_simple_queues(scope), *_joins(scope)),
    ),
    Control(
        Source(
            "thread-locks",
            "threading.Lock.acquire, with lock",
            "controlled",
            "refused where the lock stays held: its holder cannot release it before this step is "
            "over; with a timeout on the event loop it fails when that is over in virtual time",
        ),
        _locks,
    ),
)
