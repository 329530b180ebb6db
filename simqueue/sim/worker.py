"""A worker: one simulated process that runs the user's PgQueuer application."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from simqueue.adapter.connection import Connection
from simqueue.errors import UsageError
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
from simqueue.model.fault import FaultKind
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
from simqueue.sim.text.descriptions import described
from simqueue.sim.text.failing import fail_by
from simqueue.sim.world import World

RestartPolicy = Literal["never", "always"]
_KILLED = "killed"
_BACKOFF_US, _BACKOFF_MAX_US, _FALLS_MAX = 100_000, 60_000_000, 20
_US = timedelta(microseconds=1)
_LONGEST = timedelta(days=3650)


def positive(duration: timedelta, verb: str) -> Duration:
    """Return a length of time in microseconds; raise ``UsageError`` if it is none."""
    if not isinstance(duration, timedelta) or not timedelta(0) <= duration <= _LONGEST:
        raise UsageError(
            f"{verb} takes a timedelta that is not negative and not above ten years, such as "
            f"timedelta(seconds=40), not {duration!r}"
        )
    return Duration(duration // _US)


@dataclass(eq=False)
class Worker:
    """One simulated operating-system process, running ``PgQueuer.run()``.

    ``exit`` is None while the process has not ended; then ``"returned"``, ``"killed"``, or the
    error that ended ``run()``. ``pq`` is what it runs, once it does: a ``PgQueuer``, or the
    ``QueueManager`` or ``SchedulerManager`` that its factory made.

    Example:
        >>> async def deploy(sim: simqueue.Simulation) -> None:
        ...     worker = sim.worker("a", app)
        ...     await asyncio.sleep(sim.random.uniform(0, 5))
        ...     worker.stop()
        ...     await worker.wait()
        ...     assert worker.exit == "returned"
        >>> simqueue.run(deploy, seed=7).passed
        True
    """

    name: str
    world: World
    setup: Setup
    policy: RestartPolicy
    pool: int | None
    options: dict[str, Any]
    resources: Mapping[str, Any]
    incarnation: int = 0
    exit: str | None = None
    pq: Any = None
    process: Process | None = None
    _stopping: bool = False
    _again: bool = False
    _back_after: int | None = None
    """How many microseconds after its end the process comes back, if a fault ends it."""
    _unwanted: bool = False
    """Whether the scenario has stopped the process, so that nobody else starts it again."""
    _falls: int = 0
    _skew: int = 0
    _drift: int = 0
    """How far the wall clock is ahead because of the scenario, and how much more of a fault."""
    _held_until: int = 0
    """Until when the scenario has paused this incarnation."""
    _mark: int = 0
    """Tasks with higher numbers were made by ``run()`` or by what it runs."""
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
        self.exit, self._stopping, self._again, self._back_after = None, False, False, None
        self._unwanted, self._held_until = False, 0
        process = self.process = world.spawn(self.name, self._connect)
        process.skew, process.entry = self._skew + self._drift, self.setup
        world.recorder.append(self.name, WorkerStarted(self.incarnation))
        world.scheduler.post(process, world.scheduler.now, self._main_task, process)

    def crash(self) -> None:
        """Kill the process (SIGKILL): nothing of it runs any more, no ``finally`` either.

        Rows it had picked stay picked; statements it had sent are still executed.

        Raises:
            UsageError: the process has ended, or is the one that asks.
        """
        process = self._running("crash")
        self._back_after = None
        if process is not None:
            self._check_other("crash", process)
            self._kill(process)

    def stop(self) -> None:
        """Ask the process to end (SIGTERM), which sets its shutdown event, as in PgQueuer's CLI."""
        process, self._back_after, self._unwanted = self._running("stop"), None, True
        if process is not None:
            self.terminate()

    def pause(self, duration: timedelta) -> None:
        """Let nothing of the process run for a while, as a SIGSTOP or a stolen processor does.

        Its connections stay open, and what reaches it meanwhile waits for it.

        Raises:
            UsageError: the process has ended, or is the one that asks.
        """
        process = self._running("pause")
        if process is not None:
            self._check_other("pause", process)
            self.world.core.disturbed = True
            length = positive(duration, "pause")
            self._held_until = max(self._held_until, self.world.scheduler.now + length)
            self._pause(process, length)

    def skew(self, offset: timedelta) -> None:
        """Set the wall clock of the process's machine, ahead of the world's or behind it.

        Loop time and ``time.monotonic`` go on as before. The clock stays so after a restart.
        """
        self._check_moment("skew")
        if not isinstance(offset, timedelta) or abs(offset) > _LONGEST:
            raise UsageError(
                "skew takes a timedelta of up to ten years, ahead or behind, such as "
                f"timedelta(seconds=-5), not {offset!r}"
            )
        self._skew = offset // _US
        self._set_clock()

    def disconnect(self) -> None:
        """Break the process's connections: statements in flight fail, and nobody listens any more.

        A worker without a pool has no other connection, so that its ``run()`` ends with the error
        sooner or later; ``restart="always"`` starts it again.
        """
        if self._running("disconnect") is not None:
            self.world.core.disturbed = True
            for connection in self._connections:
                connection.lose()

    def restart(self) -> None:
        """Start the process again: at once if it has ended, else after stopping it gracefully."""
        if not self.alive:
            self.start()
            return
        self._again, self._back_after = True, None
        if not self._stopping:
            self.stop()
        self._unwanted = False

    async def wait(self) -> str:
        """Wait until this incarnation of the process has ended; return ``exit``."""
        if self.exit is None:
            ended = asyncio.get_running_loop().create_future()
            self._ended.append(ended)
            await ended
        return str(self.exit)

    # --- what faults do ---

    def fell(self) -> None:
        """Kill the process, which comes back."""
        if self.process is not None and self.process.alive:
            self._comes_back()
            self._kill(self.process)

    def stop_by_fault(self) -> None:
        """Ask the process to end; it comes back when it has."""
        if not self._stopping:
            self._comes_back()
            self.terminate()

    def _comes_back(self) -> None:
        """Pick how long after its end the process comes back, which is later each time."""
        after = None if self._unwanted else self.world.injector.comeback_delay(self.name)
        if after is not None:
            # As every supervisor does it, lest a process do nothing but start and die.
            patience = min(_BACKOFF_US << min(self._falls, _FALLS_MAX), _BACKOFF_MAX_US)
            self._falls += 1
            self._back_after = max(after, patience)

    def pause_by_fault(self, microseconds: int) -> None:
        """Let nothing of the process run for so long."""
        if self.process is not None and self.process.alive:
            self._pause(self.process, Duration(microseconds))

    def drift_by_fault(self, microseconds: int) -> None:
        """Let the wall clock be so far from where the scenario has set it."""
        self._drift = microseconds
        self._set_clock()

    def disconnect_by_fault(self, which: int, kind: FaultKind) -> None:
        """Break one of the process's connections that is whole, and record the fault if any is."""
        whole = [each for each in self._connections if not (each.lost or each.closed)]
        if whole:
            self.world.injector.tell(self.name, kind)
            whole[which % len(whole)].lose()

    def recover(self) -> None:
        """Come out of what faults have done: a pause, a wrong clock, a death."""
        if self._drift:
            self.drift_by_fault(0)
        if self.alive and self.process is not None:
            self._resume(self.process)
        elif self._back_after is not None:
            self.start()

    def _resume(self, process: Process) -> None:
        """Let a paused process run, unless the scenario has paused it for longer."""
        scheduler = self.world.scheduler
        if process.paused_until > max(self._held_until, scheduler.now):
            self.world.recorder.append(self.name, WorkerResumed())
            scheduler.resume(process)
            if self._held_until > scheduler.now:
                self._pause(process, Duration(self._held_until - scheduler.now))

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self.process is not None:
            scheduler = self.world.scheduler
            scheduler.post(self.process, scheduler.local_now(), self._terminate)

    # --- inside ---

    def _kill(self, process: Process) -> None:
        # What nobody holds any more may have been collected before, and must not be after.
        gc.collect()
        self.world.recorder.append(self.name, WorkerCrashed())
        self._end(process, _KILLED)

    def _set_clock(self) -> None:
        offset = self._skew + self._drift
        if self.process is not None:
            self.process.skew = offset
        self.world.recorder.append(self.name, ClockSet(Duration(offset)))

    def _pause(self, process: Process, duration: Duration) -> None:
        scheduler = self.world.scheduler
        self.world.recorder.append(self.name, WorkerPaused(duration))
        scheduler.pause(process, scheduler.now + duration)

    def _check_other(self, verb: str, process: Process) -> None:
        if self.world.scheduler.current in {process, *process.lanes}:
            raise UsageError(
                f"worker {self.name!r} cannot {verb} itself, since its step would run on: {verb} "
                "it from the scenario, which an asyncio.Event of the handler's can tell to"
            )

    def _running(self, verb: str) -> Process | None:
        """Return the process; None if a fault has ended it."""
        self._check_moment(verb)
        if self._back_after is not None and not self.alive:
            return None
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
        async with AsyncExitStack() as stack:
            pq = await self._application(stack)
            check_options(self.name, pq, self.options)
            world = self.world
            observe(pq, world.recorder, world.picks)
            self.pq = pq
            world.recorder.say(readiness(pq, self.options))
            self._mark = world.loop.mark()
            if self._stopping:
                pq.shutdown.set()
            await pq.run(**self.options)

    async def _application(self, stack: AsyncExitStack) -> Manager:
        """Return what the user's code has made, or registered its handlers with."""
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
        """Connect as the user's application does when it starts."""
        return self._connect() if self.pool is None else Pool(self._connect, self.pool)

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
        self.world.recorder.append(self.name, WorkerExited(text))
        leaked = self._leaked(process) if error is None else ()
        if leaked:
            self.world.recorder.append(self.name, TasksLeaked(leaked))
        excused = error is not None and self.world.excuses(error)
        if excused and self._back_after is None:
            self._comes_back()
        self._end(process, "returned" if text is None else text)
        if error is not None and not excused and self.policy == "never":
            fail_by(self.world.core, error)

    def _leaked(self, process: Process) -> tuple[str, ...]:
        """Return the tasks that ``run()`` left: not done, and not told to end either."""
        return tuple(
            task.get_name()
            for task in self.world.loop.unfinished()
            if getattr(task, "home", None) is process
            and hash(task) > self._mark
            and not task.cancelling()
        )

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
        elif self._back_after is not None:
            due = world.scheduler.now + self._back_after
            world.scheduler.post(world.supervisor, due, self._come_back, self.incarnation)
        elif self.policy == "always" and how != "returned" and not self._unwanted:
            due = world.scheduler.now + world.restart_delay(self.name)
            world.scheduler.post(world.supervisor, due, self._supervise)

    def _come_back(self, incarnation: int) -> None:
        """Start again what a fault has ended, unless somebody else did so or does not want it."""
        if self._back_after is not None and not self.alive and self.incarnation == incarnation:
            self.start()

    def _supervise(self) -> None:
        if not self.alive:
            self.start()
