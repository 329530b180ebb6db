"""The end of a world: everything still alive is closed where nobody can see it any more."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from contextlib import suppress
from typing import Any

from simqueue.sim.world import World, silence


def take_down(world: World) -> None:
    """Close what the run left: tasks, generators, and the tasks of killed processes.

    The verdict and the event log are sealed before, so ``finally`` blocks that run now change
    neither. Errors they raise are of no consequence and are dropped.
    """
    world.recorder.seal()
    world.scheduler.stopped = True
    hook, sys.unraisablehook = sys.unraisablehook, _ignore
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    asyncio._set_running_loop(world.loop)  # noqa: SLF001  what swallows its end may well go on awaiting
    try:
        for task in world.loop.unfinished():
            silence(task)
            _close(world, task)
        _forget(world)
        gc.collect()
    finally:
        asyncio._set_running_loop(None)  # noqa: SLF001
        sys.set_asyncgen_hooks(*hooks)
        sys.unraisablehook = hook


def _close(world: World, task: asyncio.Task[Any]) -> None:
    coroutine: Any = task.get_coro()
    asyncio._enter_task(world.loop, task)  # type: ignore[attr-defined]  # noqa: SLF001
    with suppress(BaseException):
        coroutine.close()
    asyncio._leave_task(world.loop, task)  # type: ignore[attr-defined]  # noqa: SLF001
    if getattr(coroutine, "cr_frame", None) is not None:
        # It swallows every exception, GeneratorExit too, and would complain whenever collected.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _forget(world: World) -> None:
    """Cut the references between processes and what they had left to do."""
    for process in world.scheduler.processes:
        for each in (process, *process.lanes):
            each.ready.clear()
            each.remains.clear()
        process.lanes.clear()
    world.scheduler.runnable.clear()
    world.workers.clear()
    world.loop.generators.clear()


def _ignore(unraisable: object) -> None:
    """Say nothing of an error in a finalizer that runs after the end."""
