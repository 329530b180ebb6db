"""Playing: a scenario in a world of its own, from its first step to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType

from simqueue.choices import Choices, Pick
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.failure import Outcome
from simqueue.model.ids import Duration
from simqueue.model.log import Entries
from simqueue.sim.applications.observers import logging_recorded
from simqueue.sim.code.debuggers import prompting, quitting
from simqueue.sim.endings import endings
from simqueue.sim.kernel.recorder import Watch
from simqueue.sim.patches import Randomness, patched
from simqueue.sim.post_mortem import scene
from simqueue.sim.simulation import Simulation
from simqueue.sim.takedown import take_down
from simqueue.sim.text.failing import fail_by
from simqueue.sim.watches.hang import watched
from simqueue.sim.watches.interrupts import Gate
from simqueue.sim.watches.outside import ended_from_outside
from simqueue.sim.watches.standstill import moving
from simqueue.sim.world import World

_DECIMAL = "decimal_context"
"""The variable in which the standard library keeps a context that arithmetic changes."""

Scenario = Callable[[Simulation], Awaitable[None]]


@dataclass(frozen=True)
class Hooks:
    """The caller's callbacks for a run; ``simqueue.run`` documents each."""

    watch: Watch | None
    on_start: Callable[[Simulation], object] | None
    on_failure: Callable[[TracebackType | None], object] | None


@dataclass(frozen=True)
class Played:
    """The data that remain of a run after its world is gone; ``Run`` documents each field."""

    outcome: Outcome
    events: Entries
    elapsed: float
    picks: tuple[Pick, ...]
    made: int
    entropy: tuple[object, ...]
    wanted: frozenset[str]
    held_allowed: bool


def play(
    scenario: Scenario, *, config: Config, seed: int, choices: Choices, gate: Gate, hooks: Hooks
) -> Played:
    """Play a scenario; raise the exception that ended the run from outside, if there was one."""
    started = perf_counter()
    world = World(config, choices)
    if hooks.watch is not None:
        world.recorder.watch(_guarded(world, hooks.watch))
    with _surroundings(world, seed) as randomness:
        try:
            _run(world, scenario, gate, hooks)
            if hooks.on_failure is not None and world.core.failure is not None:
                hooks.on_failure(scene(world))
            state = randomness.state()
        finally:
            take_down(world, gate)
    if world.core.aborted is not None:
        raise world.core.aborted
    return Played(
        outcome=_outcome(world),
        events=world.recorder.entries.whole(),
        elapsed=perf_counter() - started,
        picks=tuple(choices.picks),
        made=choices.made(),
        entropy=(world.recorder.readings, state),
        wanted=frozenset(world.judge.checks.wanted),
        held_allowed=world.held_allowed,
    )


@contextmanager
def _surroundings(world: World, seed: int) -> Iterator[Randomness]:
    """Control or watch what surrounds a world: entropy, logging, signals, hangs, debuggers."""
    with (
        watched(world.core),
        ended_from_outside(world.core, lambda: _aside(world, randomness)),
        moving(world.machine),
        patched(world.machine, seed) as randomness,
        logging_recorded(world.recorder, world.config.log_level),
        _debugged(world, randomness),
    ):
        yield randomness


def _guarded(world: World, watch: Watch) -> Watch:
    """Let what ``watch`` raises end the run from outside, where no handler can catch it."""

    def guarded(number: int, entry: Entry) -> None:
        if world.core.aborted is None:
            try:
                watch(number, entry)
            except BaseException as error:  # noqa: BLE001  raised again by play()
                world.core.abort(error)

    return guarded


def _run(world: World, scenario: Scenario, gate: Gate, hooks: Hooks) -> None:
    process = world.spawn("scenario", lambda: world.connect("scenario", process, spared=True))
    _inherit(process.context)
    loop, scheduler = world.loop, world.scheduler

    def begin() -> None:
        sim = Simulation(world, process)
        if hooks.on_start is not None:
            hooks.on_start(sim)
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
    """Let a debugger leave the run as it is; quitting the debugger ends the run, as Ctrl-C does."""

    def quit_run() -> None:
        world.core.abort(KeyboardInterrupt("the user quit the debugger"))

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
