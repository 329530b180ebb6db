"""A simulated operating-system process: its own loop position, clock and tasks."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Any

from simqueue.choices import Stream
from simqueue.sim.kernel.handles import Handle

HOME: ContextVar[Process] = ContextVar("simqueue_process")
"""The process a context belongs to: tasks inherit it from the task that created them."""
CPUS = 4
"""How many processors each simulated machine has."""


@dataclass(slots=True, eq=False)
class Process:
    """Callbacks that run one after the other, in the order they became ready, as on one loop.

    ``order`` and ``lag`` are its choices: which process goes first when this one could, and how
    late it notices a timer. ``floor`` is the earliest time at which it can run: the end of a step
    that blocked the loop, or of a pause; ``floor_unpaused`` is what it was before the pause.
    ``skew`` is how many microseconds its wall clock is ahead of the world's. ``queued`` says that
    it is in the scheduler's list of runnable processes.
    """

    name: str
    context: Context
    order: Stream
    lag: Stream
    pid: int
    owner: Process | None = None
    ready: deque[Handle] = field(default_factory=deque)
    floor: int = 0
    floor_unpaused: int = 0
    paused_until: int = 0
    skew: int = 0
    queued: bool = False
    alive: bool = True
    killed: bool = False
    sleeps: int = 0
    """How often it has slept, if it is a thread; ``polls``: how often after a clock reading."""
    polls: int = 0
    readings: int = 0
    """How many readings of clocks there had been when it last slept."""
    entry: Any = None
    """The user's function that it runs."""
    making: str = ""
    """The name of the factory that runs in it and has not returned; empty if none does."""
    main: Any = None
    """Its main task: held here, as ``asyncio.run`` does, since the loop has a weak reference."""
    task_factory: Any = None
    exception_handler: Any = None
    lanes: list[Process] = field(default_factory=list)
    remains: list[Any] = field(default_factory=list)
    """Tasks of an ended process: kept, since collecting them would run their ``finally`` blocks."""

    def options(self) -> tuple[Process]:
        """Return the process itself, when a choice is about it alone."""
        return (self,)

    def steps(self, value: int) -> tuple[str]:
        """Return the task that takes the next step, whatever ``value`` is picked."""
        return (self.doing,)

    @property
    def doing(self) -> str:
        """Name of the task that takes the next step."""
        if not self.ready:
            return ""
        handle = self.ready[0]
        try:  # Fast: most steps are those of tasks, and most choices of a process come here.
            task = handle._callback.__self__  # type: ignore[attr-defined]  # noqa: SLF001
        except AttributeError:
            return handle.task
        return task.get_name() if isinstance(task, asyncio.Task) else handle.task

    @property
    def worker(self) -> str:
        """Name of the simulated process; for a thread, that of the process it belongs to."""
        return self.owner.name if self.owner else self.name
