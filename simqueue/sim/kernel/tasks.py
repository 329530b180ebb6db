"""Tasks of a loop: all of them, and those whose error was never retrieved."""

from __future__ import annotations

import asyncio
import asyncio.tasks
from collections.abc import Iterable
from typing import Any

every_task = asyncio.tasks.all_tasks
"""asyncio's own ``all_tasks``: in a run it returns the tasks of all processes."""


def failed_unseen(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """Return the tasks of a loop whose error was never retrieved, the oldest first."""
    known: Iterable[asyncio.Task[Any]] = getattr(
        asyncio.tasks, "_scheduled_tasks", getattr(asyncio.tasks, "_all_tasks", ())
    )
    unseen = [
        task
        for task in list(known)
        if task.done() and task.get_loop() is loop and getattr(task, "_log_traceback", False)
    ]
    return sorted(unseen, key=hash)
