"""The end of a world: closes live objects without recording it; killed code does not run."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from contextlib import suppress
from typing import Any

from simqueue.sim.entropy.anyio_backend import forget_tasks
from simqueue.sim.entropy.finalizers import withhold_all
from simqueue.sim.entropy.garbage import unawaited
from simqueue.sim.watches.interrupts import Gate
from simqueue.sim.world import World, silence


def take_down(world: World, gate: Gate) -> None:
    """Close the tasks that the run left, then drop those that cannot or must not be closed.

    The verdict and the event log are sealed before, so that ``finally`` blocks that run now change
    neither, and errors that they raise are dropped. A task that is still suspended then either
    belongs to a killed process, whose code must not run, or has swallowed the exception that should
    have ended it.
    """
    world.recorder.seal()
    world.scheduler.stopped = True
    hook, sys.unraisablehook = sys.unraisablehook, _ignore
    logging.disable()  # log lines from now on belong to no running process
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    asyncio._set_running_loop(world.loop)  # noqa: SLF001  code that swallows its end may await again
    try:
        with unawaited():
            for task in world.loop.unfinished():
                if not _is_killed(task):
                    silence(task)
                    if not _close(world, gate, task):
                        _silence_for_good(task)
            forget_tasks(world.loop)
            _forget(world)
            gc.collect()
    finally:
        asyncio._set_running_loop(None)  # noqa: SLF001
        sys.set_asyncgen_hooks(*hooks)
        sys.unraisablehook = hook


def _is_killed(task: asyncio.Task[Any]) -> bool:
    home = getattr(task, "home", None)
    return home is not None and bool(home.killed)


def _close(world: World, gate: Gate, task: asyncio.Task[Any]) -> bool:
    """End a task as the garbage collector would; return whether it did end."""
    coroutine: Any = task.get_coro()
    asyncio._enter_task(world.loop, task)  # noqa: SLF001
    with suppress(BaseException), gate.opened(_nothing):
        world.core.interruptible = True
        coroutine.close()
    world.core.interruptible = False
    asyncio._leave_task(world.loop, task)  # noqa: SLF001
    return getattr(coroutine, "cr_frame", None) is None


def _silence_for_good(task: asyncio.Task[Any]) -> None:
    """Keep a task that swallowed its end from running any more when it is collected."""
    withhold_all([task], (), belongs=lambda other: other is task)


def _forget(world: World) -> None:
    """Cut the references between processes and their unfinished work."""
    for process in world.scheduler.processes:
        for each in (process, *process.lanes):
            each.ready.clear()
            each.remains.clear()
            each.main = None
        process.lanes.clear()
    world.scheduler.runnable.clear()
    world.workers.clear()
    world.core.culprit = None  # its frames refer to whatever the failed code used
    world.loop.generators.clear()


def _nothing() -> None:
    """Do nothing more about an interrupt: the run is over already."""


def _ignore(unraisable: object) -> None:
    """Do not report an error in a finalizer that runs after the end."""
