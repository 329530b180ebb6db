"""A worker: one simulated process that runs the user's PgQueuer application."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from simqueue.errors import UsageError
from simqueue.model.events import (
    WorkerCrashed,
    WorkerExited,
    WorkerReady,
    WorkerStarted,
    WorkerStopping,
)
from simqueue.model.ids import ManagerId
from simqueue.sim.connection import SimulatedConnection
from simqueue.sim.observers import described, observe, refusal_in
from simqueue.sim.process import Process

if TYPE_CHECKING:
    from pgqueuer import PgQueuer

    from simqueue.sim.world import World

Setup = Callable[["PgQueuer"], Any]
"""The user's registration code: a function, async or not, or async context manager."""

RestartPolicy = Literal["never", "always"]
_KILLED = "killed"


@dataclass(eq=False)
class Worker:
    """One simulated operating-system process, running ``PgQueuer.run()``.

    ``exit`` is None while the process has not ended; then ``"returned"``, ``"killed"``, or the
    error that ended ``run()``.
    """

    name: str
    world: World
    setup: Setup
    policy: RestartPolicy
    options: dict[str, Any]
    incarnation: int = 0
    exit: str | None = None
    pq: PgQueuer | None = None
    process: Process | None = None
    _stopping: bool = False
    _again: bool = False
    _connections: list[SimulatedConnection] = field(default_factory=list)
    _ended: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether the process runs at this moment."""
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Start the next incarnation of the process."""
        self._check_moment("start")
        world = self.world
        self.incarnation += 1
        self.exit, self._stopping, self._again = None, False, False
        process = self.process = world.spawn(self.name, self._connect)
        world.recorder.append(self.name, WorkerStarted(self.incarnation))
        world.scheduler.post(process, world.scheduler.now, self._main_task, process)

    def crash(self) -> None:
        """Kill the process (SIGKILL): nothing of it runs any more, no ``finally`` either.

        Rows it had picked stay picked; statements it had sent are still executed.

        Raises:
            UsageError: the process has ended, or is the one that asks.
        """
        process = self._running("crash")
        scheduler = self.world.scheduler
        if scheduler.current in {process, *process.lanes}:
            raise UsageError(
                f"worker {self.name!r} cannot crash itself, since its step would run on: crash it "
                "from the scenario, which an asyncio.Event of the handler's can tell to"
            )
        # What nobody holds any more may have been collected before, and must not be after.
        gc.collect()
        self.world.recorder.append(self.name, WorkerCrashed())
        self._end(process, _KILLED)

    def stop(self) -> None:
        """Ask the process to end (SIGTERM), which sets its shutdown event, as in PgQueuer's CLI."""
        process = self._running("stop")
        self.world.scheduler.post(process, self.world.scheduler.local_now(), self._terminate)

    def restart(self) -> None:
        """Start the process again: at once if it has ended, else after stopping it gracefully."""
        if not self.alive:
            self.start()
            return
        self._again = True
        if not self._stopping:
            self.stop()

    async def wait(self) -> str:
        """Wait until this incarnation of the process has ended; return ``exit``."""
        if self.exit is None:
            ended = asyncio.get_running_loop().create_future()
            self._ended.append(ended)
            await ended
        return str(self.exit)

    # --- inside ---

    def _running(self, verb: str) -> Process:
        self._check_moment(verb)
        if self.process is None or not self.process.alive:
            raise UsageError(
                f"worker {self.name!r} cannot {verb}: it has ended ({self.exit}); call restart() "
                "first"
            )
        return self.process

    def _check_moment(self, verb: str) -> None:
        scheduler = self.world.scheduler
        if scheduler.local_now() > scheduler.now:
            raise UsageError(
                f"time.sleep has put {scheduler.current.name!r} ahead of the world, so that it "
                f"cannot {verb} worker {self.name!r} now: await asyncio.sleep(...) instead"
            )

    def _connect(self) -> SimulatedConnection:
        assert self.process is not None  # noqa: S101  connections are made by a running process
        number = len(self._connections)
        name = self.name if number == 0 else f"{self.name}.{number + 1}"
        connection = self.world.connect(name, self.process)
        self._connections.append(connection)
        return connection

    def _main_task(self, process: Process) -> None:
        task = self.world.loop.create_task(
            self._main(), name="worker", context=process.context.copy()
        )
        process.main = task
        task.add_done_callback(lambda task: self._returned(process, task), context=process.context)

    async def _main(self) -> None:
        from pgqueuer import PgQueuer

        from simqueue.adapter import InMemoryDriver, InMemoryQueries

        driver = InMemoryDriver(connection=self._connect())
        pq = PgQueuer(connection=driver, queries=InMemoryQueries(driver))
        async with AsyncExitStack() as stack:
            registered = self.setup(pq)
            if inspect.isawaitable(registered):
                await registered
            elif hasattr(registered, "__aenter__"):
                await stack.enter_async_context(registered)
            world = self.world
            observe(pq, world.recorder, world.picks, world.refused)
            self.pq = pq
            world.recorder.say(WorkerReady(ManagerId(str(pq.qm.queue_manager_id))))
            if self._stopping:
                pq.shutdown.set()
            await pq.run(**self.options)

    def _terminate(self) -> None:
        if not self._stopping:
            self._stopping = True
            self.world.recorder.append(self.name, WorkerStopping())
        if self.pq is not None:
            self.pq.shutdown.set()

    def _returned(self, process: Process, task: asyncio.Task[None]) -> None:
        if not process.alive:
            return
        self.ended_by(process, asyncio.CancelledError() if task.cancelled() else task.exception())

    def ended_by(self, process: Process, error: BaseException | None) -> None:
        """End the process, with the error that ended its ``run()`` or its code, if one did."""
        text = None if error is None else described(error)
        refusal = refusal_in(error)
        if refusal is not None:
            self.world.refused(refusal)  # to be started again would not mend it
        self.world.recorder.append(self.name, WorkerExited(text))
        self._end(process, "returned" if text is None else text)
        if error is not None and self.policy == "never":
            self.world.worker_failed(self, error)

    def _end(self, process: Process, how: str) -> None:
        world = self.world
        self.exit, self.pq = how, None
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        if how == _KILLED:
            world.kill(process)
        else:
            world.end(process)
        for future in self._ended:
            if not future.done():
                future.set_result(None)
        self._ended.clear()
        if self._again:
            self.start()
        elif self.policy == "always" and how != "returned":
            due = world.scheduler.now + world.restart_delay(self.name)
            world.scheduler.post(world.supervisor, due, self._supervise)

    def _supervise(self) -> None:
        if not self.alive:
            self.start()
