"""The simulation, as a scenario uses it."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.errors import UsageError
from simqueue.model.epoch import datetime_of
from simqueue.model.ids import Status
from simqueue.sim.applications.factories import Setup
from simqueue.sim.applications.observers import logger_for
from simqueue.sim.arguments import check_name, check_worker, checked_resources, microseconds
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.recorded_random import RecordedRandom
from simqueue.sim.restarts import RestartPolicy, Restarts
from simqueue.sim.scenario_choices import ScenarioChoices
from simqueue.sim.settling import settle
from simqueue.sim.worker import Worker
from simqueue.sim.worker_faults import FaultableProcess
from simqueue.sim.world import World

T = TypeVar("T")

_US = timedelta(microseconds=1)


class Simulation:
    """The parameter of a scenario: starts workers, has a database client and virtual time.

    ``driver`` and ``queries`` are a client of the simulated database that no fault touches:
    ``queries`` has the methods of PgQueuer's ``Queries``, ``driver`` those of its drivers.

    Example:
        >>> async def mails(sim: simqueue.Simulation) -> None:
        ...     sim.worker("a", app)
        ...     await sim.queries.enqueue("send_mail", b"hello")
        ...     await sim.settled()
        >>> simqueue.run(mails, seed=7).passed
        True
    """

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._choices = ScenarioChoices(world.core)
        self._clients = 0
        self.driver = self.connect("scenario")
        self.queries = InMemoryQueries(self.driver)

    @functools.cached_property
    def random(self) -> random.Random:
        """A ``random.Random`` whose draws are recorded choices.

        Example:
            >>> await asyncio.sleep(sim.random.uniform(0, 5))
        """
        return RecordedRandom(self._choices.bits)

    @functools.cached_property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A structlog logger whose lines are recorded as events.

        Example:
            >>> sim.log.info("deploying", version=2)
        """
        return logger_for(self._world.recorder)

    # --- workers and clients ---

    def worker(
        self,
        name: str,
        setup: Setup,
        *,
        restart: RestartPolicy = "never",
        pool: int | None = None,
        resources: Mapping[str, Any] | None = None,
        **run_options: Any,
    ) -> Worker:
        """Start a simulated process that runs ``PgQueuer.run(**run_options)``.

        Args:
            name: names the process in the event log and in stories; each worker has its own.
            setup: registers entrypoints and schedules with the ``PgQueuer`` that is its parameter.
                It is a function, an async function or an async context manager. Or it is a factory
                without required parameters, as ``pgq run`` takes one: it connects with asyncpg or
                psycopg, which gives it a client of the simulated database, and returns or yields
                its own ``PgQueuer``, ``QueueManager`` or ``SchedulerManager``.
            restart: with ``"always"`` a supervisor starts the process again about a second after it
                was killed or ended with an error, but not after ``stop()``.
            pool: the number of connections, 2 or more, as with asyncpg's pool: statements overlap,
                and LISTEN has a connection of its own. None: one connection, as ``AsyncpgDriver``
                has. A factory opens its own.
            resources: the resources of the ``PgQueuer``, which handlers find in their context. They
                replace those of the same name that a factory has set.
            **run_options: passed to ``run``: ``batch_size``, ``dequeue_timeout`` and so on.

        Raises:
            UsageError: an argument cannot be used. What ``setup`` does wrong fails the run later,
                when the process calls it.

        Example:
            >>> a = sim.worker("a", app)
            >>> b = sim.worker("b", app, restart="always", batch_size=20)
        """
        workers = self._world.workers
        check_worker(name, setup, restart, pool, workers)
        shared = checked_resources(name, resources)
        process = workers[name] = FaultableProcess(
            name, self._world, setup, pool, run_options, shared, Restarts(restart)
        )
        process.start()
        self._world.injector.watch(process)
        return Worker(process)

    def connect(self, name: str | None = None) -> InMemoryDriver:
        """Open another connection to the database that no fault touches; return its driver.

        ``name`` is its name in the event log; by default ``client-1``, ``client-2``, ...

        Example:
            >>> other = simqueue.InMemoryQueries(sim.connect())
        """
        if name is None:
            self._clients += 1
            name = f"client-{self._clients}"
        check_name(name)
        connection = self._world.connect(name, self._process, spared=True)
        connection.follows = True
        return InMemoryDriver(connection=connection)

    def heal(self) -> None:
        """End all faults that ``Config.faults`` allows; without faults this does nothing.

        No fault occurs from now on; workers that a fault has paused or ended are up again at once.
        A message that a fault still delays arrives at most a minute later: then the world is calm,
        and ``eventually`` checks and liveness invariants fall due. The end of the scenario does the
        same.
        """
        self._check_moment("heal the world")
        self._world.injector.heal()

    def burn(self, duration: timedelta) -> None:
        """Keep the processor busy for ``duration``, as code does that computes without awaiting.

        Blocks the calling process and no other, as ``time.sleep`` does: its heartbeats wait too.

        Example:
            >>> @pq.entrypoint("resize")
            ... async def resize(job):
            ...     sim.burn(timedelta(seconds=40))  # longer than the heartbeat timeout
        """
        self._world.machine.block(microseconds(duration, "burn"))

    # --- the database server ---

    def restart_server(self, downtime: timedelta = timedelta(0)) -> None:
        """Shut the database server down properly, and start it after ``downtime``.

        Statements that have not committed are rolled back, and the workers' connections break. No
        row is lost. No client can connect during the downtime (SQLSTATE 57P03); ``sim.queries`` and
        other clients of the scenario go on.

        Raises:
            UsageError: ``time.sleep`` has put the caller ahead of the world.
        """
        self._take_down("restart the server", downtime)
        self._world.server.restart()

    def fail_over(self, downtime: timedelta = timedelta(0)) -> None:
        """Let a replica replace the database server after ``downtime``.

        The replica has everything that was committed, but its UNLOGGED tables are empty, and
        sequences may have skipped values. For clients it is a crash: see ``crash_server``.
        """
        self._take_down("fail over", downtime)
        self._world.server.crash()

    def crash_server(self, downtime: timedelta = timedelta(0)) -> None:
        """Crash the database server, and start it again after ``downtime``.

        Statements that have not committed are rolled back, and the workers' connections break:
        statements fail with SQLSTATE 08003 over simqueue's own driver, and with the errors of
        asyncpg or psycopg over theirs. Tables that PgQueuer's ``durability`` setting makes UNLOGGED
        are empty afterwards. ``sim.queries`` and other clients of the scenario go on.

        Raises:
            UsageError: ``time.sleep`` has put the caller ahead of the world.
        """
        self._take_down("crash the server", downtime)
        self._world.server.crash()

    def _take_down(self, action: str, downtime: timedelta) -> None:
        self._check_moment(action)
        self._world.core.disturbed = True
        server = self._world.server
        until = self._world.scheduler.now + microseconds(downtime, "downtime")
        server.down_until = max(server.down_until, until)

    def _check_moment(self, action: str) -> None:
        self._world.core.check_moment(action)

    # --- time ---

    def now(self) -> datetime:
        """Return the wall clock of the calling process, in UTC."""
        return datetime_of(self._world.machine.wall_ns() // 1_000)

    def elapsed(self) -> timedelta:
        """Return the virtual time since the run began."""
        return timedelta(microseconds=self._world.machine.now_us())

    async def settled(
        self,
        timeout: timedelta = timedelta(minutes=5),  # noqa: ASYNC109
        *,
        held: bool | None = None,
    ) -> None:
        """Wait until no job is queued or picked.

        Args:
            timeout: how much virtual time this may take. If the run has faults and jobs are left
                after ``timeout``, ``heal`` is called and the wait starts again.
            held: what to do with held jobs, whose status is ``failed`` and which an entrypoint with
                ``on_failure="hold"`` leaves. False: wait for them, too. True: they may stay. None:
                they may stay, but a campaign is inconclusive if its scenario never looks at them.

        Raises:
            SettleTimeoutError: jobs were left after ``timeout``; the run's failure is then of kind
                ``timeout``.

        Example:
            >>> await sim.settled(timedelta(minutes=10))
        """
        if not isinstance(timeout, timedelta):
            raise UsageError(
                f"settled takes a timedelta, such as timedelta(minutes=5), not {timeout!r}"
            )
        if held is not None and not isinstance(held, bool):
            raise UsageError(f"settled: held is True, False or None, not {held!r}")
        self._world.held_allowed |= held is True
        waited_for: tuple[Status, ...] = ("queued", "picked")
        await settle(self._world, timeout, (*waited_for, "failed") if held is False else waited_for)

    # --- checks ---

    def always(self, name: str, predicate: Callable[[], bool]) -> None:
        """Check that ``predicate()`` returns True: now, and after every state transition.

        State transitions are the commit of a statement, and the start or end of a handler or a
        worker. If it returns False or an assertion in it fails, the run fails with a failure of
        kind ``invariant``; any other error fails the run with that error.

        Raises:
            UsageError: the name is taken, or the predicate is not a plain function that returns a
                bool.

        Example:
            >>> sim.always("balance", lambda: sum(accounts.values()) == 100)
        """
        check_name(name)
        self._world.judge.checks.always(name, predicate)

    def eventually(self, name: str, predicate: Callable[[], bool], within: timedelta) -> None:
        """Check that ``predicate()`` returns True at least once, when ``always`` would ask it.

        It has ``within`` of virtual time for that, counted from this call, or from the end of the
        faults if the run has some. The check goes on after the scenario has ended.

        Raises:
            UsageError: as ``always``; or ``within`` is no timedelta.

        Example:
            >>> sim.eventually("paid", lambda: len(paid) == 50, within=timedelta(minutes=5))
        """
        check_name(name)
        self._world.judge.checks.eventually(name, predicate, within)

    def sometimes(self, name: str, condition: bool = True) -> None:  # noqa: FBT001, FBT002
        """Mark a moment that some run of a campaign has to reach with a true ``condition``.

        A campaign in which no run reaches it is inconclusive, even if every run passes.

        Example:
            >>> sim.sometimes("a job was retried", job.attempts > 0)
        """
        check_name(name)
        self._world.judge.checks.sometimes(name, condition)

    # --- choices of the scenario itself ---

    def choice(self, options: Sequence[T]) -> T:
        """Pick one of ``options``, a recorded choice; put the simplest first.

        Example:
            >>> workers = sim.choice([1, 2, 4])
        """
        return self._choices.choice(options)

    def chance(self, probability: float) -> bool:
        """Return True with ``probability`` (0 to 1, to a millionth), a recorded choice.

        Example:
            >>> if sim.chance(0.1):
            ...     worker.crash()
        """
        return self._choices.chance(probability)


async def pass_time(sim: Simulation, duration: timedelta) -> None:
    """Let exactly ``duration`` of virtual time pass, without the choice that a timer makes."""
    scheduler, process = sim._world.scheduler, sim._process  # noqa: SLF001  attributes of this module's class
    passed = asyncio.get_running_loop().create_future()
    scheduler.post(process, scheduler.now + duration // _US, passed.set_result, None)
    await passed
