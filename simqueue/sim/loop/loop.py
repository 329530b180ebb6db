"""The asyncio event loop of a simulated world: asyncio's interface over the scheduler."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import re
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, TypeVar

from simqueue.choices import Choices
from simqueue.errors import RefusedError
from simqueue.sim.code.advice import THREADS
from simqueue.sim.code.refusing import refusal
from simqueue.sim.kernel.handles import Handle, Timer
from simqueue.sim.kernel.process import HOME
from simqueue.sim.kernel.scheduler import Scheduler
from simqueue.sim.kernel.tasks import every_task
from simqueue.sim.loop.executors import Executors
from simqueue.sim.loop.loop_without_io import LoopWithoutIO

T = TypeVar("T")
ExceptionHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

_NEVER_S = 1e12
_UNSAFE = (
    "it is not thread-safe, and may be noticed late or never: use loop.call_soon_threadsafe or "
    "asyncio.run_coroutine_threadsafe"
)
_NAMED_BY_PYTHON = re.compile(r"Task-\d+")


class SimulatedLoop(LoopWithoutIO):
    """An event loop without I/O whose time is virtual and whose order is a choice.

    All processes of the simulation share this loop; a callback belongs to the process of the
    context it was scheduled in.
    """

    def __init__(self, scheduler: Scheduler, choices: Choices, *, thread_us_max: int) -> None:
        self.scheduler = scheduler
        self._executors = Executors(self, scheduler, choices, delay_us_max=thread_us_max)
        self._thread = threading.get_ident()
        self._names: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self.on_unhandled: Callable[[dict[str, Any]], None] = lambda context: None
        """Called with every error that no code awaited, before the process's own handler."""
        self.on_reading: Callable[[], None] = lambda: None
        """Called with every reading of ``time()``."""
        self.on_refused: Callable[[RefusedError], None] = lambda error: None
        """Called with a refusal in a thread that is not one of the simulation's."""
        self._running = False
        self.generators: list[AsyncGenerator[Any, Any]] = []

    # --- running ---

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make this the current thread's running loop."""
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  as asyncio's own loops ask
            raise RuntimeError(
                "a simulation cannot run inside a running event loop: call simqueue.run from "
                "ordinary, not from async code"
            )
        hooks = sys.get_asyncgen_hooks()
        try:
            sys.set_asyncgen_hooks(firstiter=None, finalizer=self._abandoned)
            asyncio._set_running_loop(self)  # noqa: SLF001
            self._running = True
            yield
        finally:
            self._running = False
            asyncio._set_running_loop(None)  # noqa: SLF001
            sys.set_asyncgen_hooks(*hooks)

    def _abandoned(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Close an unreferenced async generator, in a task of the process that dropped it."""
        current = self.scheduler.current
        process = current.owner or current
        if self._running and process.alive:
            process.context.copy().run(self._start, generator.aclose(), name="aclose")
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
        self.on_reading()
        return self.scheduler.local_now() / 1_000_000

    # --- callbacks ---

    def call_soon(self, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                  context: Context | None = None) -> Handle:  # fmt: skip
        """Append a step to the ready queue of the process that ``context`` belongs to."""
        # Each step of a task comes through here: avoid calls.
        scheduler = self.scheduler
        process = current = scheduler.current
        if context is None:
            if self._executors.inside:
                raise refusal("loop.call_soon in a thread", _UNSAFE)
            context = copy_context()
        else:
            process = context.get(HOME, current)
        if process is not current and current.floor > scheduler.now:
            # A process that slept without awaiting is ahead of the others: this reaches them later.
            return scheduler.at(process, current.floor, callback, args, context)
        scheduler.sequence = sequence = scheduler.sequence + 1
        handle = Handle(callback, args, context, sequence)
        if process.queued:
            process.ready.append(handle)
        else:
            scheduler.enqueue(process, handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any,  # type: ignore[override]
                             context: Context | None = None) -> Handle:  # fmt: skip
        """Like ``call_soon``; refused in a thread that is not the simulation's."""
        if threading.get_ident() != self._thread:
            refused = refusal("calling into the loop from another thread", THREADS)
            self.on_refused(refused)  # the error might never leave that thread
            raise refused
        current = self.scheduler.current
        if context is None:
            context = copy_context()
            # A simulated thread ends with its function: its process will run the callback.
            context.run(HOME.set, current.owner or current)
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
        if self._executors.inside:
            raise refusal("loop.call_later or call_at in a thread", _UNSAFE)
        if context is None:
            return scheduler.at(scheduler.current, due, callback, args, copy_context())
        return scheduler.at(context.get(HOME, scheduler.current), due, callback, args, context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is dropped when it is due."""

    # --- tasks and futures ---

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, T], *, name: object = None,  # type: ignore[override]
                    context: Context | None = None, **options: Any) -> asyncio.Task[T]:  # fmt: skip
        """Start a task of the running process, named after its coroutine without ``name``."""
        if self._executors.inside:
            raise refusal("loop.create_task in a thread", _UNSAFE)
        return self._start(coro, name=name, context=context, **options)

    def _start(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        if context is not None and HOME not in context:
            context.run(HOME.set, self.scheduler.current)
        factory = self.scheduler.current.task_factory
        if factory is None:
            return asyncio.Task(
                coro, loop=self, name=str(name or self._name(coro)), context=context, **options
            )
        extra = options if context is None else {"context": context, **options}
        task: asyncio.Task[T] = factory(self, coro, **extra)
        if name is not None:
            task.set_name(str(name))
        return task

    def adopt(self, thing: asyncio.Future[Any]) -> int:
        """Return the number that is the hash of a task or future; called once for each.

        A task gets it when it is made: then its process and, unless it has one, its name are set.
        """
        number = next(self._numbers)
        if isinstance(thing, asyncio.Task):
            current = self.scheduler.current
            thing.home = current.owner or current  # type: ignore[attr-defined]
            if _NAMED_BY_PYTHON.fullmatch(thing.get_name()):
                thing.set_name(f"Task-{number}")
        return number

    def mark(self) -> int:
        """Return a number above that of every task so far, and below that of every later one."""
        return next(self._numbers)

    def owns(self, task: asyncio.Task[Any]) -> bool:
        """Return whether a task is one of the running process."""
        current = self.scheduler.current
        return getattr(task, "home", current) in {current, current.owner}

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that are not done, in the order of their creation."""
        return sorted(every_task(self), key=hash)

    def _name(self, coro: Coroutine[Any, Any, Any]) -> str:
        kind = getattr(coro, "__qualname__", type(coro).__name__).replace(".<locals>", "")
        number = self._names[kind] = self._names.get(kind, 0) + 1
        return f"{kind}#{number}"

    def set_task_factory(self, factory: Any) -> None:
        """Make ``factory(loop, coro, **kwargs)`` create the running process's tasks."""
        self.scheduler.current.task_factory = factory

    def get_task_factory(self) -> Any:
        """Return the running process's factory, or None."""
        return self.scheduler.current.task_factory

    # --- threads ---

    def run_in_executor(self, executor: concurrent.futures.Executor | None,  # type: ignore[override]
                        func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # fmt: skip
        """Run ``func`` at a chosen step on this thread, beside the process's own steps."""
        future: asyncio.Future[T] = self.create_future()
        self._executors.submit(executor, (future, func, args))
        return future

    def in_thread(self) -> bool:
        """Return whether a function of another thread runs now, not a step of a loop."""
        return self._executors.inside

    def awaits_threads(self) -> bool:
        """Return whether a function of the running process waits to run in a thread."""
        return self._executors.pending()

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Do nothing: no executor's threads are used."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Do nothing: there are no threads."""

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: generators are closed when they are dropped, and at the end of the run."""

    # --- errors that no code awaited ---

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Call ``handler(loop, context)`` with errors of the process that no code awaited."""
        self.scheduler.current.exception_handler = handler

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the running process's handler, or None."""
        handler: ExceptionHandler | None = self.scheduler.current.exception_handler
        return handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Do nothing: the error is in the event log already."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Record an error that no code awaited, and pass it to the handler of its process."""
        self.on_unhandled(context)
        culprit = context.get("task") or context.get("future")
        process = getattr(culprit, "home", self.scheduler.current)
        if process.exception_handler is None:
            return
        try:
            process.exception_handler(self, context)
        except Exception as error:  # noqa: BLE001  asyncio's own loop goes on, too
            self.on_unhandled({"message": "Error in an exception handler", "exception": error})


def _microseconds(seconds: float) -> int:
    """Return whole microseconds, rounded up: no callback may see a ``time()`` before it was due.

    Infinity becomes a moment far beyond every limit.
    """
    seconds = min(max(seconds, -_NEVER_S), _NEVER_S)
    whole = round(seconds * 1_000_000)
    return whole + 1 if whole / 1_000_000 < seconds else whole
