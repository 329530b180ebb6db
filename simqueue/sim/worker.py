"""A worker, as a scenario controls it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from simqueue.errors import UsageError
from simqueue.sim.arguments import LONGEST, microseconds
from simqueue.sim.kernel.process import Process
from simqueue.sim.worker_process import WorkerProcess

_US = timedelta(microseconds=1)


class Worker:
    """One simulated operating-system process that runs ``PgQueuer.run()``.

    ``Simulation.worker`` starts one. It crashes, stops, pauses and restarts as a real process does;
    none of these methods waits, and their effect begins at the current instant of virtual time.

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

    def __init__(self, process: WorkerProcess) -> None:
        self._life = process

    def __repr__(self) -> str:
        state = "up" if self.alive else f"ended: {self.exit}"
        return f"<Worker {self.name!r}, incarnation {self.incarnation}, {state}>"

    # --- its state ---

    @property
    def name(self) -> str:
        """The name that ``Simulation.worker`` was given."""
        return self._life.name

    @property
    def alive(self) -> bool:
        """Whether the process is up at this moment; a paused or stopping one is."""
        return self._life.alive

    @property
    def exit(self) -> str | None:
        """How the latest incarnation ended; None while it is up.

        ``"returned"``, ``"killed"``, or the type and message of the error that ended ``run()``.
        """
        return self._life.exit

    @property
    def incarnation(self) -> int:
        """How many times the process has started: 1 until it is started again."""
        return self._life.incarnation

    @property
    def pq(self) -> Any:
        """The application of the process: a ``PgQueuer``, or the manager that its factory made.

        None before the application is set up and after the process has ended.
        """
        return self._life.pq

    # --- actions of a scenario ---

    def crash(self) -> None:
        """Kill the process (SIGKILL): nothing of it runs any more, no ``finally`` either.

        Rows it had picked stay picked; statements it had sent are still executed.

        Raises:
            UsageError: the process has ended, or is the caller.
        """
        process = self._running("crash")
        self._life.restarts.after_fault = None
        if process is not None:
            self._check_other("crash", process)
            self._life.kill(process)

    def stop(self) -> None:
        """Ask the process to end (SIGTERM): sets its shutdown event, as PgQueuer's CLI does.

        Jobs that run are finished first. Nothing but ``restart()`` starts the process again.

        Raises:
            UsageError: the process has ended.
        """
        process = self._running("stop")
        self._life.restarts.after_fault, self._life.restarts.stopped = None, True
        if process is not None:
            self._life.terminate()

    def pause(self, duration: timedelta) -> None:
        """Suspend the process for ``duration``, as SIGSTOP or a busy host does.

        Its connections stay open, and messages that arrive in the meantime wait for it.

        Example:
            >>> worker.pause(timedelta(seconds=40))  # longer than the heartbeat timeout

        Raises:
            UsageError: the process has ended, or is the caller; or ``duration`` is negative, above
                ten years or no timedelta.
        """
        process = self._running("pause")
        if process is not None:
            self._check_other("pause", process)
            life, core = self._life, self._life.world.core
            core.disturbed = True
            length = microseconds(duration, "pause")
            life.held_until = max(life.held_until, core.scheduler.now + length)
            life.pause(process, length)

    def skew(self, offset: timedelta) -> None:
        """Set the wall clock of the process's machine ``offset`` ahead of the world's.

        A negative offset sets it behind. ``loop.time()`` and ``time.monotonic()`` do not change.
        The clock stays wrong after a restart.

        Raises:
            UsageError: ``offset`` is no timedelta of up to ten years, ahead or behind.
        """
        self._check_moment("skew")
        if not isinstance(offset, timedelta) or abs(offset) > LONGEST:
            raise UsageError(
                "skew takes a timedelta of up to ten years, ahead or behind, such as "
                f"timedelta(seconds=-5), not {offset!r}"
            )
        self._life.skew = offset // _US
        self._life.set_clock()

    def disconnect(self) -> None:
        """Break all connections of the process: statements in flight fail, and LISTEN is lost.

        A worker without a pool does not connect again, as PgQueuer does not: its ``run()`` ends
        with the error sooner or later. With ``restart="always"`` it is then started again.

        Raises:
            UsageError: the process has ended.
        """
        if self._running("disconnect") is not None:
            self._life.world.core.disturbed = True
            for connection in self._life.connections:
                connection.lose()

    def restart(self) -> None:
        """Start the process again: at once if it has ended, otherwise after a graceful stop."""
        life = self._life
        if not life.alive:
            life.start()
            return
        life.restarts.requested, life.restarts.after_fault = True, None
        if not life.stopping:
            self.stop()
        life.restarts.stopped = False

    async def wait(self) -> str:
        """Wait until this incarnation of the process has ended; return ``exit``."""
        return await self._life.ended()

    # --- checks ---

    def _running(self, verb: str) -> Process | None:
        """Return the process; None if a fault has ended it and it will start again.

        Raises:
            UsageError: the process has ended, or the caller is ahead of the world.
        """
        self._check_moment(verb)
        life = self._life
        if life.restarts.after_fault is not None and not life.alive:
            return None
        if life.process is None or not life.process.alive:
            raise UsageError(
                f"worker {self.name!r} cannot {verb}: it has ended ({self.exit}); call restart() "
                "first"
            )
        return life.process

    def _check_other(self, verb: str, process: Process) -> None:
        if self._life.world.scheduler.current in {process, *process.lanes}:
            raise UsageError(
                f"worker {self.name!r} cannot {verb} itself: the current step would keep running. "
                f"Set an asyncio.Event in the handler and call {verb}() from the scenario"
            )

    def _check_moment(self, verb: str) -> None:
        self._life.world.core.check_moment(f"{verb} worker {self.name!r}")
