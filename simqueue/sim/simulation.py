"""The simulation as a scenario sees it."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import structlog

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.choices import Draws
from simqueue.errors import UsageError
from simqueue.model.choice_key import ChoiceKind, key_of, without_number
from simqueue.model.events import ScenarioChose
from simqueue.model.ids import Status
from simqueue.sim.applications.builders import check_registers
from simqueue.sim.applications.factories import Setup, is_factory
from simqueue.sim.applications.observers import logger_for
from simqueue.sim.database.pool import POOL_MIN
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.recorded_random import RecordedRandom
from simqueue.sim.settling import settle
from simqueue.sim.worker import RestartPolicy, Worker, positive
from simqueue.sim.world import World

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class Simulation:
    """What a scenario is given: workers to start and stop, a client of the database, virtual time.

    ``driver`` and ``queries`` are a client of the simulated database, never faulted.

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
        self._clients = 0
        self.driver = self.connect("scenario")
        self.queries = InMemoryQueries(self.driver)

    @functools.cached_property
    def random(self) -> random.Random:
        """A ``random.Random`` whose draws are recorded choices."""
        return RecordedRandom(self._bits)

    @functools.cached_property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A structlog logger whose lines enter the event log."""
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

        ``setup(pq)`` registers entrypoints and schedules; it may be a function, an async function
        or an async context manager. Or it is a factory without required parameters, as ``pgq run``
        takes it: it connects with asyncpg or psycopg, which gives it a client of the simulated
        database, and returns or yields its own ``PgQueuer``, or a ``QueueManager`` or
        ``SchedulerManager`` alone, whose ``run`` then takes the options.

        With ``restart="always"`` a supervisor starts the process
        again whenever it ends by itself or is killed, but not after ``stop()``.

        With ``pool`` the process has so many connections as asyncpg's pool has: statements overlap,
        and LISTEN has a connection of its own. Without it has one, as ``AsyncpgDriver`` does. A
        factory makes its own.

        ``resources`` are those of the ``PgQueuer``, which handlers find in their context. They
        replace resources of the same names that a factory has given it.
        """
        _check_name(name)
        workers = self._world.workers
        if name in workers or name in ("scenario", "server", "supervisor", "world"):
            raise UsageError(f"the name {name!r} is taken; give each worker one of its own")
        if restart not in get_args(RestartPolicy):
            known = " or ".join(map(repr, get_args(RestartPolicy)))
            raise UsageError(f"worker {name!r}: restart is {known}, not {restart!r}")
        if pool is not None and (type(pool) is not int or pool < POOL_MIN):
            raise UsageError(
                f"worker {name!r}: a pool has {POOL_MIN} connections or more, one of them to "
                f"listen; not {pool!r}"
            )
        if not callable(setup):
            raise UsageError(f"worker {name!r}: setup must be callable, not {setup!r}")
        if pool is not None and is_factory(setup):
            raise UsageError(
                f"worker {name!r}: setup takes no PgQueuer, so that it connects itself: leave out "
                "pool, and let it call asyncpg.create_pool()"
            )
        if not is_factory(setup):
            check_registers(name, setup)
        shared = _checked_resources(name, resources)
        worker = workers[name] = Worker(
            name, self._world, setup, restart, pool, run_options, shared
        )
        worker.start()
        self._world.injector.watch(worker)
        return worker

    def connect(self, name: str | None = None) -> InMemoryDriver:
        """Open another connection to the database, as a driver; ``InMemoryQueries`` takes it."""
        if name is None:
            self._clients += 1
            name = f"client-{self._clients}"
        _check_name(name)
        connection = self._world.connect(name, self._process, spared=True)
        connection.follows = True
        return InMemoryDriver(connection=connection)

    def heal(self) -> None:
        """End all faults that ``Config.faults`` allows.

        None strikes any more; what is paused or dead by a fault comes back at once. What is still
        held up on its way arrives in its time, at most a minute later: from then on the world is
        calm, and what it owes falls due. The end of the scenario does the same.
        """
        self._check_moment("heal the world")
        self._world.injector.heal()

    def burn(self, duration: timedelta) -> None:
        """Keep the processor busy for so long, as code does that computes and awaits nothing.

        As ``time.sleep`` does: it blocks the calling process, and nobody else.
        """
        self._world.machine.block(positive(duration, "burn"))

    def restart_server(self, downtime: timedelta = timedelta(0)) -> None:
        """Shut the database server down properly, and start it after ``downtime``.

        Statements that have not committed are rolled back, and the workers' connections break. No
        row is lost. Nobody can connect before the downtime is over (SQLSTATE 57P03); this
        simulation's own clients are spared.
        """
        self._take_down("restart the server", downtime)
        self._world.server.restart()

    def fail_over(self, downtime: timedelta = timedelta(0)) -> None:
        """Let a replica take the place of the database server after ``downtime``.

        It has all that was committed, except that its UNLOGGED tables are empty, and sequences
        may have leapt. For clients it is a crash.
        """
        self._take_down("fail over", downtime)
        self._world.server.crash()

    def crash_server(self, downtime: timedelta = timedelta(0)) -> None:
        """Crash the database server, and let it come up again after ``downtime``.

        Statements that have not committed are rolled back, and the workers' connections break: over
        simqueue's own driver statements fail with SQLSTATE 08003, over others with their errors.
        Tables that the settings in force make UNLOGGED (``durability``) are empty afterwards. This
        simulation's own clients are spared.

        Raises:
            UsageError: ``time.sleep`` has put the caller ahead of the world.
        """
        self._take_down("crash the server", downtime)
        self._world.server.crash()

    def _take_down(self, verb: str, downtime: timedelta) -> None:
        self._check_moment(verb)
        self._world.core.disturbed = True
        server = self._world.server
        until = self._world.scheduler.now + positive(downtime, "downtime")
        server.down_until = max(server.down_until, until)

    def _check_moment(self, verb: str) -> None:
        scheduler = self._world.scheduler
        if scheduler.local_now() > scheduler.now:
            raise UsageError(
                f"time.sleep has put {scheduler.current.name!r} ahead of the world, so that it "
                f"cannot {verb} now: await asyncio.sleep(...) instead"
            )

    # --- time ---

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        return _EPOCH + timedelta(microseconds=self._world.machine.wall_ns() // 1_000)

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

        Held jobs (``failed``, which an entrypoint with ``on_failure="hold"`` leaves) stay until
        somebody puts them back. With ``held=False`` they are waited for like queued ones, and
        with ``held=True`` they may stay. By default they may stay as well, but a campaign whose
        scenario never looks at them is inconclusive.

        When faults fly and jobs are left after ``timeout``, the world is healed and has as much
        time again.

        Raises:
            SettleTimeoutError: jobs were left after ``timeout`` of virtual time; the run's failure
                is then of kind ``timeout``.
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
        """Judge that ``predicate()`` holds: now, and after every state transition.

        Those are each statement's commit, and whatever starts or ends a handler or a worker. False
        or a failed assertion ends the run with a failure of kind ``invariant``, and any other
        error with that error.

        Raises:
            UsageError: the name is taken, or the predicate is no plain function that returns a
                bool.
        """
        _check_name(name)
        self._world.judge.checks.always(name, predicate)

    def eventually(self, name: str, predicate: Callable[[], bool], within: timedelta) -> None:
        """Judge that ``predicate()`` comes true at least once, as it is asked by ``always``.

        It may take so much virtual time from now on, and from the end of the faults on, if the run
        has some. That the scenario ends before does not end the wait.

        Raises:
            UsageError: as ``always``; or ``within`` is no timedelta.
        """
        _check_name(name)
        self._world.judge.checks.eventually(name, predicate, within)

    def sometimes(self, name: str, condition: bool = True) -> None:  # noqa: FBT001, FBT002
        """Mark a moment that has to be reached, with ``condition``, in some run of a campaign.

        A campaign in which no run reaches it is inconclusive, however many of them pass.
        """
        _check_name(name)
        self._world.judge.checks.sometimes(name, condition)

    # --- choices of the scenario itself ---

    def choice(self, options: Sequence[T]) -> T:
        """Pick one of ``options``; the first is the simplest."""
        if not options:
            raise UsageError("sim.choice needs at least one option")
        index = self._draws("choice").pick(len(options))
        self._chose("choice", index)
        return options[index]

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``, to a millionth; False is the simplest."""
        if not 0 <= probability <= 1:
            raise UsageError(f"sim.chance takes a probability from 0 to 1, not {probability}")
        happens = self._draws("chance").happens(round(probability * 1_000_000))
        self._chose("chance", int(happens))
        return happens

    def _bits(self, width: int) -> int:
        bits = self._draws("random").pick(1 << width)
        self._chose("random", bits)
        return bits

    def _draws(self, kind: ChoiceKind) -> Draws:
        """Return the values of the running process and task for ``kind``."""
        world = self._world
        if world.core.attended:
            raise UsageError(
                f"a {kind} is the run's to make: at a debugger's prompt it would be another run"
            )
        task = asyncio.current_task()
        asker = "" if task is None else without_number(task.get_name())
        return world.choices.draws(key_of(world.scheduler.current.name, asker, kind=kind))

    def _chose(self, name: str, value: int) -> None:
        self._world.recorder.say(ScenarioChose(name, str(value)), CAUSE.get())


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise UsageError(f"a name must be printable text, not {name!r}")


def _checked_resources(worker: str, resources: object) -> dict[str, Any]:
    """Return a worker's resources; raise ``UsageError`` if they are no mapping of names."""
    if resources is None:
        return {}
    if not isinstance(resources, Mapping) or not all(isinstance(key, str) for key in resources):
        raise UsageError(
            f"worker {worker!r}: resources is a mapping of names to objects, not {resources!r}"
        )
    return dict(resources)


async def pass_time(sim: Simulation, duration: timedelta) -> None:
    """Let exactly so much virtual time pass; no choice is made about it, as timers make one."""
    scheduler, process = sim._world.scheduler, sim._process  # noqa: SLF001  this module's own
    passed = asyncio.get_running_loop().create_future()
    scheduler.post(process, scheduler.now + duration // _US, passed.set_result, None)
    await passed
