"""The asyncio event loop of a simulated world: asyncio's interface over the scheduler."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

from simqueue.choices import Choices, ladder
from simqueue.errors import RefusedError
from simqueue.sim.handles import Handle, Timer
from simqueue.sim.hashing import NumberedFuture, NumberedTask
from simqueue.sim.loop_without_io import LoopWithoutIO
from simqueue.sim.places import place_of_caller
from simqueue.sim.process import HOME, Process
from simqueue.sim.scheduler import Scheduler

T = TypeVar("T")
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

_NEVER_S = 1e12


class SimulatedLoop(LoopWithoutIO):
    """An event loop without I/O, whose time is virtual and whose order is chosen.

    Every process of the simulation shares this loop; a callback belongs to the process of the
    context it was scheduled in.
    """

    def __init__(self, scheduler: Scheduler, choices: Choices, *, thread_us_max: int) -> None:
        self.scheduler = scheduler
        self._choices = choices
        self._thread_delays = ladder(thread_us_max)
        self._thread = threading.get_ident()
        self._names: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._handler: ExceptionHandler | None = None
        self._factory: Any = None
        self._running = False
        self.generators: list[AsyncGenerator[Any, Any]] = []

    # --- running ---

    def run_world(self) -> None:
        """Run the scheduler as the current thread's running loop."""
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  as asyncio's own loops ask
            raise RuntimeError(
                "a simulation cannot run inside a running event loop: call simqueue.run from "
                "ordinary, not from async code"
            )
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._abandoned)
        asyncio._set_running_loop(self)  # noqa: SLF001
        self._running = True
        try:
            self.scheduler.run()
        finally:
            self._running = False
            asyncio._set_running_loop(None)  # noqa: SLF001
            sys.set_asyncgen_hooks(*hooks)

    def _abandoned(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Close an async generator nobody holds any more, in a task of who dropped it."""
        process = self.scheduler.current
        if self._running and process.alive:
            process.context.copy().run(self.create_task, generator.aclose(), name="aclose")
        else:
            self.generators.append(generator)

    def is_running(self) -> bool:
        """Return whether the world runs."""
        return self._running

    def is_closed(self) -> bool:
        """Return False: the loop ends with its run."""
        return False

    def close(self) -> None:
        """Do nothing: the loop ends with its run."""

    def get_debug(self) -> bool:
        """Return False, whatever PYTHONASYNCIODEBUG says: debug mode reads the real clock."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001  asyncio's signature
        """Do nothing; see ``get_debug``."""

    def time(self) -> float:
        """Return virtual seconds since the run began, as the running process sees them."""
        return self.scheduler.local_now() / 1_000_000

    # --- callbacks ---

    def call_soon(self, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                  context: Context | None = None) -> Handle:  # fmt: skip
        """Append a step to the ready queue of the process that ``context`` belongs to."""
        # Each step of a task comes through here: no call is made that can be spared.
        scheduler = self.scheduler
        if context is None:
            context = copy_context()
            process = scheduler.current
        else:
            process = context.get(HOME, scheduler.current)
        scheduler.sequence = sequence = scheduler.sequence + 1
        handle = Handle(callback, args, context, sequence)
        if process.queued:
            process.ready.append(handle)
        else:
            scheduler.enqueue(process, handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                             context: Context | None = None) -> Handle:  # fmt: skip
        """Like ``call_soon``, from the simulation's own thread alone."""
        if threading.get_ident() != self._thread:
            raise RefusedError(
                "calling into the loop from another thread",
                place_of_caller(),
                "use asyncio.to_thread, which runs at a chosen step of the simulation",
            )
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                   context: Context | None = None) -> Timer:  # fmt: skip
        """Append a step after ``delay`` virtual seconds."""
        due = self.scheduler.local_now() + max(0, _microseconds(delay))
        return self._at(due, callback, args, context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                context: Context | None = None) -> Timer:  # fmt: skip
        """Append a step when ``time()`` is ``when``."""
        return self._at(_microseconds(when), callback, args, context)

    def _at(
        self,
        due: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> Timer:
        scheduler = self.scheduler
        if context is None:
            return scheduler.at(scheduler.current, due, callback, args, copy_context())
        return scheduler.at(context.get(HOME, scheduler.current), due, callback, args, context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is dropped when it is due."""

    # --- tasks and futures ---

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future that hashes by its number."""
        return NumberedFuture(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, T], *, name: object = None,  # type: ignore[override]
                    context: Context | None = None, **options: Any) -> asyncio.Task[T]:  # fmt: skip
        """Start a task of the process that runs now, named after its coroutine if not otherwise."""
        if self._factory is not None:
            extra = options if context is None else {"context": context, **options}
            task: asyncio.Task[T] = self._factory(self, coro, **extra)
            if name is not None:
                task.set_name(str(name))
            return task
        scheduler = self.scheduler
        task = NumberedTask(coro, loop=self, name=str(name or self._name(coro)), context=context)
        task.home = scheduler.current if context is None else context.get(HOME, scheduler.current)
        return task

    def next_number(self) -> int:
        """Return the number of a task or future just made; it hashes by it."""
        return next(self._numbers)

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that are not done, in the order of their creation."""
        return sorted(asyncio.all_tasks(self), key=hash)

    def _name(self, coro: Coroutine[Any, Any, Any]) -> str:
        kind = getattr(coro, "__qualname__", type(coro).__name__).replace(".<locals>", "")
        number = self._names[kind] = self._names.get(kind, 0) + 1
        return f"{kind}#{number}"

    def set_task_factory(self, factory: Any) -> None:
        """Make ``factory(loop, coro, **kwargs)`` create tasks."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Return the factory in force, or None."""
        return self._factory

    # --- threads ---

    def run_in_executor(self, executor: concurrent.futures.Executor | None,  # type: ignore[override]
                        func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # fmt: skip
        """Run ``func`` at a chosen step, on this thread, beside the process's own steps."""
        scheduler = self.scheduler
        process = scheduler.current
        owner = process.owner or process
        future: asyncio.Future[T] = self.create_future()
        lane = scheduler.spawn(f"{owner.name}/thread", owner)
        delay = self._choices.stream(f"{owner.name} thread").deviate(len(self._thread_delays))
        due = scheduler.local_now() + self._thread_delays[delay]
        scheduler.post(lane, due, self._run_in_lane, lane, future, func, args)
        return future

    def _run_in_lane(
        self,
        lane: Process,
        future: asyncio.Future[T],
        func: Callable[..., T],
        args: tuple[Any, ...],
    ) -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = func(*args)
        except BaseException as caught:  # noqa: BLE001  a thread hands over whatever it ended with
            error = caught
        done = self.scheduler.local_now()
        self.scheduler.retire(lane)
        if lane.owner is not None:
            self.scheduler.post(lane.owner, done, _settle, future, result, error)

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Do nothing: no executor's threads are used."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Do nothing: there are no threads."""

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: generators are closed as they are dropped, and at the end of the run."""

    # --- errors nobody awaited ---

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Make ``handler(loop, context)`` see errors that nobody awaited."""
        self._handler = handler

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the handler in force, or None."""
        return self._handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Do nothing: the run's recorder is the handler."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand an error that nobody awaited to the handler."""
        if self._handler is not None:
            self._handler(self, context)


def _microseconds(seconds: float) -> int:
    """Return whole microseconds; a moment that never comes, infinity, is far beyond every limit."""
    return round(min(seconds, _NEVER_S) * 1_000_000)


def _settle(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    """Hand a result to whoever waits for it, if anybody still does."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError(f"function raised StopIteration: {error}"))
    else:
        future.set_exception(error)
