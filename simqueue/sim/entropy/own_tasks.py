"""Tasks: each simulated process sees its own."""

from __future__ import annotations

import asyncio
import asyncio.tasks
from collections.abc import Iterator
from typing import Any

from simqueue.sim.kernel.tasks import every_task
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.source import Control, Scope, Source


def _all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    """Return the unfinished tasks of a loop; in a simulated one, those of the running process."""
    tasks = every_task(loop)
    running = asyncio._get_running_loop() if loop is None else loop  # noqa: SLF001
    owns = getattr(running, "owns", None)
    return tasks if owns is None else {task for task in tasks if owns(task)}


def _own_tasks(_: Scope) -> Iterator[Patch]:
    yield Attribute(asyncio, "all_tasks", _all_tasks)
    yield Attribute(asyncio.tasks, "all_tasks", _all_tasks)


CONTROLS = (
    Control(
        Source(
            "all-tasks",
            "asyncio.all_tasks()",
            "controlled",
            "the tasks of the simulated process that asks, as in a process of its own",
        ),
        _own_tasks,
    ),
)
