"""The life of a worker's process: it starts, runs the application, and ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from simqueue.adapter.connection import Connection
from simqueue.model.events import (
    ClockSet,
    TasksLeaked,
    WorkerCrashed,
    WorkerExited,
    WorkerPaused,
    WorkerResumed,
    WorkerStarted,
    WorkerStopping,
)
from simqueue.model.ids import Duration
from simqueue.sim.applications.factories import (
    Setup,
    check_registered,
    entered,
    is_factory,
    made_by,
)
from simqueue.sim.applications.managers import (
    Manager,
    add_resources,
    check_options,
    observe,
    readiness,
)
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.pool import Pool
from simqueue.sim.kernel.process import Process
from simqueue.sim.restarts import Restarts
from simqueue.sim.text.descriptions import described
from simqueue.sim.text.failing import fail_by
from simqueue.sim.world import World

_KILLED = "killed"


@dataclass(eq=False)
class WorkerProcess:
    """One operating-system process that runs ``PgQueuer.run()``, through all its incarnations.

    ``exit`` is None until an incarnation has ended: then ``"returned"``, ``"killed"``, or the error
    that ended ``run()``. ``pq`` is the ``PgQueuer`` or manager while it runs.
    """

    name: str
    world: World
    setup: Setup
    pool: int | None
    options: Mapping[str, Any]
    resources: Mapping[str, Any]
    restarts: Restarts
    incarnation: int = 0
    exit: str | None = None
    pq: Any = None
    process: Process | None = None
    stopping: bool = False
    skew: int = 0
    """How many microseconds the scenario has set the wall clock ahead."""
    drift: int = 0
    """How many microseconds more a fault has set it ahead."""
    held_until: int = 0
    """Until when the scenario has paused this incarnation."""
    connections: list[SimulatedConnection] = field(default_factory=list)
    _first_task: int = 0
    """Tasks with higher numbers were made by ``run()`` or by code that it runs."""
    _ended: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether the process is up at this moment."""
        return self.process is not None and self.process.alive

    # --- start ---

    def start(self) -> None:
        """Start the next incarnation.

        Raises:
            UsageError: ``time.sleep`` has put the caller ahead of the world.
        """
        self.world.core.check_moment(f"start worker {self.name!r}")
        world = self.world
        self.incarnation += 1
        self.exit, self.stopping, self.held_until = None, False, 0
        self.restarts.begin()
        process = self.process = world.spawn(self.name, self._connect)
        process.skew, process.entry = self.skew + self.drift, self.setup
        world.recorder.append(self.name, WorkerStarted(self.incarnation))
        world.scheduler.post(process, world.scheduler.now, self._start_main_task, process)

    def _start_main_task(self, process: Process) -> None:
        task = self.world.loop.create_task(
            self._main(), name="worker", context=process.context.copy()
        )
        process.main = task
        task.add_done_callback(lambda task: self._returned(process, task), context=process.context)

    async def _main(self) -> None:
        async with AsyncExitStack() as stack:
            pq = await self._application(stack)
            check_options(self.name, pq, self.options)
            world = self.world
            observe(pq, world.recorder, world.picks)
            self.pq = pq
            world.recorder.say(readiness(pq, self.options))
            self._first_task = world.loop.mark()
            if self.stopping:
                pq.shutdown.set()
            await pq.run(**self.options)

    async def _application(self, stack: AsyncExitStack) -> Manager:
        """Return the object that the user's factory made or registered handlers with."""
        if is_factory(self.setup):
            assert self.process is not None  # noqa: S101  it runs in it
            made = await made_by(self.name, self.setup, stack, self.process)
            add_resources(self.name, made, self.resources)
            return made
        from pgqueuer import PgQueuer

        from simqueue.adapter import InMemoryDriver, InMemoryQueries

        driver, resources = InMemoryDriver(connection=self._open()), dict(self.resources)
        queries = InMemoryQueries(driver)
        pq = PgQueuer(connection=driver, queries=queries, resources=resources)
        check_registered(self.name, self.setup, pq, await entered(stack, self.setup(pq)))
        return pq

    def _open(self) -> Connection:
        """Connect as an application does when it starts."""
        return self._connect() if self.pool is None else Pool(self._connect, self.pool)

    def _connect(self) -> SimulatedConnection:
        assert self.process is not None  # noqa: S101  connections are made by a running process
        number = len(self.connections)
        name = self.name if number == 0 else f"{self.name}.{number + 1}"
        connection = self.world.connect(name, self.process)
        self.connections.append(connection)
        return connection

    # --- signals and the clock ---

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        if self.process is not None:
            scheduler = self.world.scheduler
            scheduler.post(self.process, scheduler.local_now(), self._terminated)

    def _terminated(self) -> None:
        if not self.stopping:
            self.stopping = True
            self.world.recorder.append(self.name, WorkerStopping())
        if self.pq is not None:
            self.pq.shutdown.set()

    def pause(self, process: Process, duration: Duration) -> None:
        """Let nothing of the process run for ``duration``."""
        scheduler = self.world.scheduler
        self.world.recorder.append(self.name, WorkerPaused(duration))
        scheduler.pause(process, scheduler.now + duration)

    def resume(self, process: Process) -> None:
        """Let a paused process run, unless the scenario has paused it for longer."""
        scheduler = self.world.scheduler
        if process.paused_until > max(self.held_until, scheduler.now):
            self.world.recorder.append(self.name, WorkerResumed())
            scheduler.resume(process)
            if self.held_until > scheduler.now:
                self.pause(process, Duration(self.held_until - scheduler.now))

    def set_clock(self) -> None:
        """Set the wall clock as the scenario and faults have changed it."""
        offset = self.skew + self.drift
        if self.process is not None:
            self.process.skew = offset
        self.world.recorder.append(self.name, ClockSet(Duration(offset)))

    # --- end ---

    def kill(self, process: Process) -> None:
        """End the process as SIGKILL does: nothing more of it runs."""
        # Collect first: objects that were garbage before the kill may still run their finalizers.
        gc.collect()
        self.world.recorder.append(self.name, WorkerCrashed())
        self._end(process, _KILLED)

    def _returned(self, process: Process, task: asyncio.Task[None]) -> None:
        if not process.alive:
            return
        self.ended_by(process, asyncio.CancelledError() if task.cancelled() else task.exception())

    def ended_by(self, process: Process, error: BaseException | None) -> None:
        """End the process with the error that ended its ``run()`` or its code, or None."""
        text = None if error is None else described(error)
        self.world.recorder.append(self.name, WorkerExited(text))
        leaked = self._leaked(process) if error is None else ()
        if leaked:
            self.world.recorder.append(self.name, TasksLeaked(leaked))
        excused = error is not None and self.world.excuses(error)
        if excused and self.restarts.after_fault is None:
            self.return_after_fault()
        self._end(process, "returned" if text is None else text)
        if error is not None and not excused and self.restarts.policy == "never":
            fail_by(self.world.core, error)

    def return_after_fault(self) -> None:
        """Pick how long after its end the process starts again, since a fault ends it."""
        if self.restarts.stopped:
            return
        delay = self.world.injector.comeback_delay(self.name)
        if delay is not None:
            self.restarts.after(delay)

    def _leaked(self, process: Process) -> tuple[str, ...]:
        """Return the tasks that ``run()`` left unfinished and did not cancel."""
        return tuple(
            task.get_name()
            for task in self.world.loop.unfinished()
            if getattr(task, "home", None) is process
            and hash(task) > self._first_task
            and not task.cancelling()
        )

    def _end(self, process: Process, how: str) -> None:
        world = self.world
        self.exit, self.pq = how, None
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        if how == _KILLED:
            world.kill(process)
        else:
            world.end(process)
        for future in self._ended:
            if not future.done():
                future.set_result(None)
        self._ended.clear()
        self._start_again(returned=how == "returned")

    def _start_again(self, *, returned: bool) -> None:
        """Start the next incarnation now, or have it started later, if it is to be at all."""
        world, restarts = self.world, self.restarts
        if restarts.requested:
            self.start()
        elif restarts.after_fault is not None:
            due = world.scheduler.now + restarts.after_fault
            world.scheduler.post(world.supervisor, due, self._come_back, self.incarnation)
        elif restarts.supervised(returned=returned):
            due = world.scheduler.now + world.restart_delay(self.name)
            world.scheduler.post(world.supervisor, due, self._supervise)

    def _come_back(self, incarnation: int) -> None:
        """Restart a process that a fault has ended, unless it was started or stopped meanwhile."""
        waits = self.restarts.after_fault is not None and not self.alive
        if waits and self.incarnation == incarnation:
            self.start()

    def _supervise(self) -> None:
        if not self.alive:
            self.start()

    async def ended(self) -> str:
        """Wait until this incarnation has ended; return ``exit``."""
        if self.exit is None:
            ended = asyncio.get_running_loop().create_future()
            self._ended.append(ended)
            await ended
        return str(self.exit)
