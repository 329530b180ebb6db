"""Executors: functions for other threads, run at a chosen step on the loop's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simqueue.choices import Choices
from simqueue.model.choice_key import key_of, thread_of
from simqueue.model.delays import ladder
from simqueue.sim.code.advice import PROCESSES
from simqueue.sim.code.refusing import refusal
from simqueue.sim.kernel.process import CPUS, Process
from simqueue.sim.kernel.scheduler import Scheduler

_DEFAULT_WORKERS = CPUS + 4  # as asyncio's default executor has

Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]
"""The future that waits for the result, the function, its arguments."""


@dataclass(slots=True, eq=False)
class _Pool:
    """The threads of one executor in one process: how many are idle, and which calls wait."""

    idle: int
    waiting: deque[Call] = field(default_factory=deque)


class Executors:
    """Runs calls beside the steps of the process that made them.

    A call begins when a thread of its executor is free, in the order of the calls, and then at a
    chosen moment. It runs in one step; ``time.sleep`` in it blocks its thread and nothing else.
    ``inside`` says that such a function runs now, not a step of a loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scheduler: Scheduler,
        choices: Choices,
        *,
        delay_us_max: int,
    ) -> None:
        self._loop, self._scheduler, self._choices = loop, scheduler, choices
        self._delays = ladder(delay_us_max)
        self._pools: dict[tuple[Process, object], _Pool] = {}
        self._pending: dict[Process, int] = {}
        self.inside = False

    def pending(self) -> bool:
        """Return whether a function of the running process has not begun yet in its thread."""
        return self._pending.get(self._process(), 0) > 0

    def _process(self) -> Process:
        current = self._scheduler.current
        return current.owner or current

    def submit(self, executor: object, call: Call) -> None:
        """Run a call of the running process in a thread of ``executor``; None is the default."""
        if type(executor).__name__ == "ProcessPoolExecutor":
            raise refusal("loop.run_in_executor with a ProcessPoolExecutor", PROCESSES)
        process = self._process()
        self._pending[process] = self._pending.get(process, 0) + 1
        pool = self._pools.get((process, executor))
        if pool is None:
            size = getattr(executor, "_max_workers", _DEFAULT_WORKERS)
            pool = self._pools[process, executor] = _Pool(size)
        if pool.idle:
            pool.idle -= 1
            self._start(process, pool, call)
        else:
            pool.waiting.append(call)

    def _start(self, process: Process, pool: _Pool, call: Call) -> None:
        lane = self._scheduler.spawn(thread_of(process.name), process)
        delay = self._choices.stream(key_of(process.name, kind="thread")).deviate(len(self._delays))
        due = self._scheduler.local_now() + self._delays[delay]
        self._scheduler.post(lane, due, self._run, process, lane, pool, call)

    def _run(self, process: Process, lane: Process, pool: _Pool, call: Call) -> None:
        self._pending[process] -= 1
        future, function, arguments = call
        result: object = None
        error: BaseException | None = None
        if not future.cancelled():
            asyncio._set_running_loop(None)  # noqa: SLF001  none runs in a thread
            self.inside = True
            try:
                result = function(*arguments)
            except BaseException as caught:  # a thread hands over its result
                if isinstance(caught, KeyboardInterrupt) and self._scheduler.interrupted():
                    raise
                error = caught
            finally:
                self.inside = False
                asyncio._set_running_loop(self._loop)  # noqa: SLF001
        done = self._scheduler.local_now()
        self._scheduler.retire(lane)
        self._scheduler.post(process, done, self._finish, process, pool, future, result, error)

    def _finish(
        self,
        process: Process,
        pool: _Pool,
        future: asyncio.Future[Any],
        result: object,
        error: BaseException | None,
    ) -> None:
        """Set a call's result, unless the caller has given up; give its thread to the next call."""
        if future.done():
            pass
        elif error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError(f"function raised StopIteration: {error}"))
        else:
            future.set_exception(error)
        if pool.waiting:
            self._start(process, pool, pool.waiting.popleft())
        else:
            pool.idle += 1
