"""anyio's worker threads: their functions run at a chosen step, as ``asyncio.to_thread``'s do."""

from __future__ import annotations

import _thread
import asyncio
import functools
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.source import Control, Scope, Source

_METHOD = "run_sync_in_worker_thread"


@functools.cache
def _backend() -> Any:
    """Return anyio's asyncio backend, None without anyio; not to be imported during a run."""
    try:
        from anyio._backends._asyncio import AsyncIOBackend
    except ImportError:
        return None
    return AsyncIOBackend


def _worker_threads(scope: Scope) -> Iterator[Patch]:
    backend = _backend()
    if backend is None:
        return
    from anyio import CancelScope

    thread, original = scope.thread, getattr(backend, _METHOD)

    async def run(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,  # noqa: FBT001, FBT002  anyio's signature
        limiter: Any = None,
    ) -> Any:
        if _thread.get_ident() != thread:
            return await original(func, args, abandon_on_cancel, limiter)
        await cls.checkpoint()
        async with limiter or cls.current_default_thread_limiter():
            with CancelScope(shield=not abandon_on_cancel):
                call = functools.partial(copy_context().run, func, *args)
                return await asyncio.get_running_loop().run_in_executor(None, call)

    yield Attribute(backend, _METHOD, classmethod(run))


CONTROLS = (
    Control(
        Source(
            "anyio.to_thread, anyio.Path, anyio.open_file",
            "controlled",
            "the function runs at a chosen step, on the loop's thread",
        ),
        _worker_threads,
    ),
)
