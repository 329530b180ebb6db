"""anyio on asyncio: functions of worker threads run at a chosen step; cancel scopes are ordered."""

from __future__ import annotations

import _thread
import asyncio
import functools
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from simqueue.sim.code.refusing import refusal, refusing
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.source import SIMULATING, Control, Scope, Source

_METHOD = "run_sync_in_worker_thread"
_FROM_THREAD = {
    "run_async_from_thread": "anyio.from_thread.run",
    "run_sync_from_thread": "anyio.from_thread.run_sync",
    "check_cancelled": "anyio.from_thread.check_cancelled",
}
_RETURN = (
    "the function runs to its end in one step of the simulation, so that the loop can do nothing "
    "meanwhile: return from the function and await in the async code that called it"
)


@functools.cache
def _backend() -> Any:
    """Return anyio's asyncio backend, None without anyio; must not be imported during a run."""
    try:
        from anyio._backends._asyncio import AsyncIOBackend
    except ImportError:
        return None
    return AsyncIOBackend


class _InOrder(dict[Any, None]):
    """A set, as far as a cancel scope needs one, that iterates in the order of insertion."""

    def add(self, scope: object) -> None:
        """Insert an element."""
        self[scope] = None

    def discard(self, scope: object) -> None:
        """Remove an element, if it is there."""
        self.pop(scope, None)

    remove = dict.__delitem__


def _scopes(_: Scope) -> Iterator[Patch]:
    if _backend() is None:
        return
    from anyio._backends._asyncio import CancelScope

    original = CancelScope.__init__

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._child_scopes = _InOrder()  # a set of them iterates by address

    yield Attribute(CancelScope, "__init__", initialize)


def forget_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Drop anyio's records of a loop's tasks: otherwise they would keep the tasks alive forever."""
    loaded = sys.modules.get("anyio._backends._asyncio")
    states = getattr(loaded, "_task_states", {})
    for task in [task for task in states if task.get_loop() is loop]:
        del states[task]


def _worker_threads(scope: Scope) -> Iterator[Patch]:
    backend = _backend()
    if backend is None:
        return
    from anyio import CancelScope
    from anyio._core._eventloop import claim_worker_thread

    thread, original = scope.thread, getattr(backend, _METHOD)

    def in_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> Any:
        with claim_worker_thread(backend, loop):
            return call()

    async def run(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,  # noqa: FBT001, FBT002  anyio's signature
        limiter: Any = None,
    ) -> Any:
        if _thread.get_ident() != thread or thread not in SIMULATING:
            return await original(func, args, abandon_on_cancel, limiter)
        await cls.checkpoint()
        async with limiter or cls.current_default_thread_limiter():
            with CancelScope(shield=not abandon_on_cancel):
                call = functools.partial(copy_context().run, func, *args)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(None, in_thread, loop, call)

    yield Attribute(backend, _METHOD, classmethod(run))


def _from_threads(scope: Scope) -> Iterator[Patch]:
    backend = _backend()
    for method, name in _FROM_THREAD.items() if backend is not None else ():
        original = getattr(backend, method, None)
        if original is not None:
            refuse = refusing(scope.thread, name, _RETURN)(original)
            yield Attribute(backend, method, staticmethod(refuse))
    if backend is not None:
        yield from _portals(scope)


def _portals(scope: Scope) -> Iterator[Patch]:
    from anyio.from_thread import BlockingPortal

    thread, original = scope.thread, BlockingPortal._check_running  # noqa: SLF001
    name = "calling through an anyio.from_thread.BlockingPortal in a thread"

    def check_running(self: BlockingPortal) -> None:
        # It takes a function in a thread, which runs on the loop's thread, for a step of the loop.
        if _thread.get_ident() == thread and scope.world.in_thread():
            raise refusal(name, _RETURN)
        original(self)

    yield Attribute(BlockingPortal, "_check_running", check_running)


CONTROLS = (
    Control(
        Source(
            "anyio-cancel-order",
            "anyio task groups and cancel scopes: who is cancelled first",
            "controlled",
            "the scopes within one are cancelled in the order in which they were entered",
        ),
        _scopes,
    ),
    Control(
        Source(
            "anyio-threads",
            "anyio.to_thread, anyio.Path, anyio.open_file",
            "controlled",
            "the function runs at a chosen step, on the loop's thread",
        ),
        _worker_threads,
    ),
    Control(
        Source(
            "anyio-from-thread",
            "anyio.from_thread.run, run_sync, check_cancelled, BlockingPortal in a thread",
            "refused",
            _RETURN,
        ),
        _from_threads,
    ),
)
