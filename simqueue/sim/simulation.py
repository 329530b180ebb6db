"""The simulation as a scenario sees it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.choices import Draws, SplitMix
from simqueue.errors import SettleTimeoutError, UsageError
from simqueue.model.events import ScenarioChose
from simqueue.sim.observers import logger_for
from simqueue.sim.worker import RestartPolicy, Setup, Worker

if TYPE_CHECKING:
    import structlog

    from simqueue.sim.process import Process
    from simqueue.sim.world import World

T = TypeVar("T")
_PATIENCE = 100


class Simulation:
    """What a scenario is given: workers to start and stop, a client of the database, virtual time.

    ``driver`` and ``queries`` are a client of the simulated database, never faulted. ``random`` is
    a ``random.Random`` whose draws are recorded choices. ``log`` is a structlog logger whose lines
    enter the event log.
    """

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._clients = 0
        self.driver = self.connect("scenario")
        self.queries = InMemoryQueries(self.driver)
        self.random: random.Random = RecordedRandom(self)
        self.log: structlog.typing.FilteringBoundLogger = logger_for(world.recorder)

    # --- workers and clients ---

    def worker(
        self, name: str, setup: Setup, *, restart: RestartPolicy = "never", **run_options: Any  # noqa: ANN401
    ) -> Worker:
        """Start a simulated process that runs ``PgQueuer.run(**run_options)``.

        ``setup(pq)`` registers entrypoints and schedules; it may be a function, an async function
        or an async context manager. With ``restart="always"`` a supervisor starts the process
        again whenever it ends by itself or is killed, but not after ``stop()``.
        """
        workers = self._world.workers
        if name in workers or name in ("scenario", "server", "supervisor", "world"):
            raise UsageError(f"the name {name!r} is taken; give each worker one of its own")
        if not callable(setup):
            raise UsageError(f"worker {name!r}: setup must be callable, not {setup!r}")
        worker = workers[name] = Worker(name, self._world, setup, restart, run_options)
        worker.start()
        return worker

    def connect(self, name: str | None = None) -> InMemoryDriver:
        """Open another connection to the database, as a driver; ``InMemoryQueries`` takes it."""
        if name is None:
            self._clients += 1
            name = f"client-{self._clients}"
        return InMemoryDriver(connection=self._world.connect(name, self._process))

    # --- time ---

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        return datetime.fromtimestamp(self._world.wall_ns() // 1_000 / 1_000_000, UTC)

    def elapsed(self) -> timedelta:
        """Return the virtual time since the run began."""
        return timedelta(microseconds=self._world.now_us())

    async def settled(self, timeout: timedelta = timedelta(minutes=5)) -> None:  # noqa: ASYNC109
        """Wait until no job is queued or picked; held (failed) jobs may stay.

        Raises:
            SettleTimeoutError: jobs were left after ``timeout`` of virtual time; the run's failure
                is then of kind ``timeout``.
        """
        world = self._world
        tables = world.server.tables
        quiet = asyncio.get_running_loop().create_future()

        def look() -> None:
            if not quiet.done() and not (
                tables.jobs.count("queued") or tables.jobs.count("picked")
            ):
                quiet.set_result(None)

        world.server.after_commit(look)
        look()
        try:
            await asyncio.wait_for(quiet, timeout.total_seconds())
        except TimeoutError:
            raise SettleTimeoutError(timeout.total_seconds(), self._remaining()) from None

    def _remaining(self) -> str:
        rows = [
            row
            for row in self._world.server.tables.jobs.rows.values()
            if row.status in ("queued", "picked")
        ]
        shown = ", ".join(f"job {row.id} ({row.entrypoint}) is {row.status}" for row in rows[:10])
        return shown + (f", and {len(rows) - 10} more" if len(rows) > 10 else "")  # noqa: PLR2004

    # --- choices of the scenario itself ---

    def choice(self, options: Sequence[T]) -> T:
        """Pick one of ``options``; the first is the simplest."""
        if not options:
            raise UsageError("sim.choice needs at least one option")
        index = self.draws("choice").pick(len(options))
        self._chose("choice", index)
        return options[index]

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``, to a millionth; False is the simplest."""
        millionths = round(probability * 1_000_000)
        happens = self.draws("chance").pick(1_000_000) >= 1_000_000 - millionths
        self._chose("chance", int(happens))
        return happens

    def draws(self, kind: str) -> Draws:
        """Return the values of the running process and task for ``kind``."""
        world = self._world
        task = asyncio.current_task()
        asker = "" if task is None else task.get_name().partition("#")[0]
        return world.choices.draws(f"{world.scheduler.current.name} {asker} {kind}")

    def _chose(self, name: str, value: int) -> None:
        self._world.say(ScenarioChose(name, str(value)))


class RecordedRandom(random.Random):
    """A ``random.Random`` whose draws are recorded choices, 0 being the simplest.

    Some of the base class's methods draw until they like what they get and would never end on
    zeros alone, which is what calm gives them. After ``_PATIENCE`` zeros in a row the draws come
    from a fixed sequence until the choices are other than 0 again.
    """

    def __new__(cls, sim: Simulation) -> RecordedRandom:
        """Make the base class without a seed of its own."""
        return super().__new__(cls, 0)

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._zeros = 0
        self._escape = SplitMix(0)
        super().__init__(0)

    def random(self) -> float:
        """Return a float in [0, 1)."""
        return self.getrandbits(53) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """Return ``k`` random bits."""
        value = 0
        for start in range(0, k, 32):
            width = min(32, k - start)
            value |= self._bits(width) << start
        return value

    def _bits(self, width: int) -> int:
        bits = self._sim.draws("random").pick(1 << width)
        self._zeros = 0 if bits else self._zeros + 1
        if self._zeros > _PATIENCE:
            bits = self._escape.below(1 << width)
        self._sim._chose("random", bits)  # noqa: SLF001  its own random
        return bits

    def seed(self, *args: object, **kwargs: object) -> None:
        """Do nothing: the run's seed decides."""
