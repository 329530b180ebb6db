"""One run: a scenario played once, from a seed or from a trace's choices."""

from __future__ import annotations

import asyncio
import functools
import inspect
import platform
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from types import TracebackType

from simqueue.choices import Choices, Pick, Recording, Seeded, Source, choice_of
from simqueue.errors import TargetError, UsageError
from simqueue.model.choice import Choice, Recorded
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.failure import Failure, Outcome
from simqueue.model.ids import Duration
from simqueue.model.log import Entries
from simqueue.model.trace import TRACE_VERSION, Trace, seal
from simqueue.sim.applications.observers import logging_recorded
from simqueue.sim.code.debuggers import prompting, quitting
from simqueue.sim.endings import endings
from simqueue.sim.entropy.garbage import quiet_heap
from simqueue.sim.kernel.recorder import Watch, digest
from simqueue.sim.patches import Randomness, patched
from simqueue.sim.post_mortem import scene
from simqueue.sim.simulation import Simulation
from simqueue.sim.takedown import take_down
from simqueue.sim.text.failing import FailedRun, fail_by
from simqueue.sim.watches.hang import watched
from simqueue.sim.watches.interrupts import Gate, gated
from simqueue.sim.watches.outside import struck_from_outside
from simqueue.sim.watches.standstill import moving
from simqueue.sim.world import World

SEED_MAX = 2**63 - 1
_DECIMAL = "decimal_context"
"""The variable in which the standard library keeps a context that arithmetic changes."""
_ONE_AT_A_TIME = threading.Lock()

Scenario = Callable[[Simulation], Awaitable[None]]


@dataclass(frozen=True)
class Run:
    """What became of one run.

    ``events`` is the event log, ``elapsed`` is real seconds. ``choices``, ``trace`` and ``digest``
    are made when they are first asked for: a campaign has no use for those of runs that pass.
    ``wanted`` names the moments that ``sim.sometimes`` was asked to mark, reached or not.

    Example:
        >>> run = simqueue.run(scenario, seed=7)
        >>> run.check()
        >>> run.simulated, run.passed
        (datetime.timedelta(seconds=1), True)
    """

    target: str
    seed: int
    config: Config
    outcome: Outcome
    events: Entries
    elapsed: float
    picks: tuple[Pick, ...]
    entropy: tuple[object, ...]
    """What decided the run and is no event: clock readings and the state of drawn randomness."""
    wanted: frozenset[str] = frozenset()
    made: int = 0
    """How many picks it made, calm ones included, but not those that are made each second."""
    held_allowed: bool = False
    """Whether the scenario said that jobs may be held in the end."""

    @functools.cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Its picks that were not 0, in the order in which they were made."""
        return tuple(map(choice_of, self.picks))

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return self.outcome.passed

    @property
    def failure(self) -> Failure | None:
        """What went wrong."""
        return self.outcome.failure

    @property
    def simulated(self) -> timedelta:
        """Virtual time the run took."""
        return timedelta(microseconds=self.outcome.simulated)

    @functools.cached_property
    def digest(self) -> str:
        """32 hexadecimal digits over everything that happened: equal for the same run alone."""
        outcome, failure = self.outcome, self.outcome.failure
        judged = None if failure is None else (failure.kind, failure.signature)
        return digest(self.events, outcome.steps, outcome.simulated, judged, *self.entropy)

    @functools.cached_property
    def trace(self) -> Trace:
        """The run as one document."""
        trace = Trace(
            format="simqueue-trace",
            version=TRACE_VERSION,
            simqueue=version_of("simqueue"),
            pgqueuer=version_of("pgqueuer"),
            python=platform.python_version(),
            target=self.target,
            seed=self.seed,
            config=self.config,
            choices=self.choices,
            events=self.events,
            outcome=self.outcome,
            digest=self.digest,
            checksum="",
        )
        return seal(trace)

    def check(self) -> None:
        """Raise ``FailedRun`` if the run failed."""
        if self.failure is not None:
            raise FailedRun(self.failure)


def run(
    scenario: Scenario,
    *,
    seed: int = 0,
    config: Config = Config(),  # noqa: B008  frozen
    choices: Recorded | Source | None = None,
    target: str = "",
    watch: Watch | None = None,
    on_start: Callable[[Simulation], object] | None = None,
    on_failure: Callable[[TracebackType | None], object] | None = None,
) -> Run:
    """Play a scenario once.

    Args:
        scenario: an async function of one ``Simulation``.
        seed: decides whatever ``choices`` does not.
        config: what the run is allowed to do.
        choices: picks of a trace to repeat, those it lacks being calm, or a source of them; None
            draws them from the seed, ``{}`` is the calm run.
        target: what the trace calls the scenario.
        watch: called with each event's number and entry; what it raises ends the run and is raised.
        on_start: called with the scenario's simulation before it begins.
        on_failure: called if the run fails, with the frames that it failed in, the user's last, or
            in which its scenario waited; None if there are none. Who keeps them can look at them
            when the run is over.

    Raises:
        TargetError: ``scenario`` is not an async function.
        UsageError: ``config`` makes no sense.

    Example:
        >>> simqueue.run(scenario, seed=7).passed
        True
    """
    if not is_scenario(scenario):
        name = getattr(scenario, "__qualname__", repr(scenario))
        raise TargetError(name, "a scenario is an `async def` function of one Simulation")
    _check_settings(seed, config)
    with gated() as gate, _alone(), quiet_heap():
        # In a call of its own, so that nothing holds the world when the heap is collected.
        return _run(
            scenario,
            gate,
            seed=seed,
            config=config,
            choices=choices,
            target=target,
            watch=watch,
            on_start=on_start,
            on_failure=on_failure,
        )


@contextmanager
def _alone() -> Iterator[None]:
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise UsageError(
            "a simulation runs in this process already, and there can be one at a time: run "
            "others in processes of their own"
        )
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def _check_settings(seed: int, config: Config) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= SEED_MAX:
        raise UsageError(f"the seed must be a whole number from 0 to {SEED_MAX}, not {seed!r}")
    if not isinstance(config, Config):
        raise UsageError(f"config must be a simqueue.Config, not {config!r}")


def _run(
    scenario: Scenario,
    gate: Gate,
    *,
    seed: int,
    config: Config,
    choices: Recorded | Source | None,
    target: str,
    watch: Watch | None,
    on_start: Callable[[Simulation], object] | None,
    on_failure: Callable[[TracebackType | None], object] | None,
) -> Run:
    started = perf_counter()
    door = Choices(_source(seed, choices))
    world = World(config, door)
    if watch is not None:
        world.recorder.watch(_guarded(world, watch))
    with (
        watched(world.core),
        struck_from_outside(world.core, lambda: _aside(world, randomness)),
        moving(world.machine),
        patched(world.machine, seed) as randomness,
        logging_recorded(world.recorder, world.config.log_level),
        _debugged(world, randomness),
    ):
        try:
            _play(world, scenario, gate, on_start)
            if on_failure is not None and world.core.failure is not None:
                on_failure(scene(world))
            state = randomness.state()
        finally:
            take_down(world, gate)
    if world.core.aborted is not None:
        raise world.core.aborted
    return Run(
        target=target,
        seed=seed,
        config=config,
        outcome=_outcome(world),
        events=world.recorder.entries.whole(),
        elapsed=perf_counter() - started,
        picks=tuple(door.picks),
        made=door.made(),
        entropy=(world.recorder.readings, state),
        wanted=frozenset(world.judge.checks.wanted),
        held_allowed=world.held_allowed,
    )


def _source(seed: int, choices: Recorded | Source | None) -> Source:
    if choices is None:
        return Seeded(seed)
    return Recording(choices) if isinstance(choices, dict) else choices


def _guarded(world: World, watch: Watch) -> Watch:
    """Let what ``watch`` raises end the run from outside, where no handler can catch it."""

    def guarded(number: int, entry: Entry) -> None:
        if world.core.aborted is None:
            try:
                watch(number, entry)
            except BaseException as error:  # noqa: BLE001  raised again by run()
                world.core.abort(error)

    return guarded


def is_scenario(scenario: object) -> bool:
    """Return whether something is an async function, wraps one, or is an object that calls one."""
    call = getattr(scenario, "__call__", None)  # noqa: B004  its own, not what makes it callable
    plain = inspect.unwrap(scenario) if callable(scenario) else scenario
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(call)


def _play(
    world: World,
    scenario: Scenario,
    gate: Gate,
    on_start: Callable[[Simulation], object] | None,
) -> None:
    process = world.spawn("scenario", lambda: world.connect("scenario", process, spared=True))
    _inherit(process.context)
    loop, scheduler = world.loop, world.scheduler

    def begin() -> None:
        sim = Simulation(world, process)
        if on_start is not None:
            on_start(sim)
        task = loop.create_task(
            _main(scenario, sim), name="scenario", context=process.context.copy()
        )
        process.main, process.entry = task, scenario
        task.add_done_callback(finished)

    def finished(task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            world.judge.conclude()
        elif isinstance(error, SystemExit | KeyboardInterrupt):
            world.core.stop()
        else:
            fail_by(world.core, error)

    scheduler.post(process, 0, begin)
    with endings(world), loop.running(), gate.opened(world.core.stop):
        world.core.interruptible = True
        scheduler.interrupted = lambda: gate.explains() or world.core.aborted is not None
        world.machine.depth.call(scheduler.run)


def _inherit(context: Context) -> None:
    """Let the scenario see the context variables of the code that started the run.

    Fixtures set some. Workers are other processes, and begin with none.
    """
    for variable, value in copy_context().items():
        if variable not in context:
            mutable = variable.name == _DECIMAL
            context.run(variable.set, value.copy() if mutable else value)


async def _main(scenario: Scenario, sim: Simulation) -> None:
    await scenario(sim)


@contextmanager
def _debugged(world: World, randomness: Randomness) -> Iterator[None]:
    """Let debuggers leave the run as it is; who quits one quits the run, as Ctrl-C does."""

    def quit_run() -> None:
        world.core.abort(KeyboardInterrupt("a debugger was told to quit"))

    with prompting(lambda: _aside(world, randomness)), quitting(quit_run):
        yield


@contextmanager
def _aside(world: World, randomness: Randomness) -> Iterator[None]:
    """Let code run that is no part of the run, without leaving a mark on it."""
    with world.machine.aside(), randomness.aside():
        yield


def _outcome(world: World) -> Outcome:
    return Outcome(
        passed=world.core.failure is None,
        steps=world.scheduler.steps,
        simulated=Duration(world.scheduler.now),
        failure=world.core.failure,
    )


@functools.cache
def version_of(package: str) -> str:
    """Return the version of an installed package, as traces name it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0.0.0"
