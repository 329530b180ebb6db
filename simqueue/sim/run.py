"""One run: a scenario played once, from a seed or from a trace's choices."""

from __future__ import annotations

import functools
import inspect
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType

from simqueue.choices import Choices, Pick, Recording, Seeded, Source, choice_of
from simqueue.errors import TargetError, UsageError
from simqueue.model.choice import Choice, Recorded
from simqueue.model.config import Config
from simqueue.model.failure import Failure, Outcome
from simqueue.model.log import Entries
from simqueue.model.trace import TRACE_VERSION, Trace, seal
from simqueue.sim.entropy.garbage import quiet_heap
from simqueue.sim.kernel.recorder import Watch, digest
from simqueue.sim.playing import Hooks, Played, Scenario, play
from simqueue.sim.simulation import Simulation
from simqueue.sim.text.failing import FailedRun
from simqueue.sim.watches.interrupts import gated

__all__ = ["SEED_MAX", "Run", "Scenario", "is_scenario", "run", "version_of"]

SEED_MAX = 2**63 - 1
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Run:
    """What happened in one run.

    ``events`` is the event log, ``elapsed`` is real seconds. ``choices``, ``trace`` and ``digest``
    are made on first use: a campaign does not need those of runs that pass. ``wanted`` names the
    moments that ``sim.sometimes`` was called with, reached or not.

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
    """Part of the digest that is no event: clock readings and the state of random generators."""
    wanted: frozenset[str] = frozenset()
    made: int = 0
    """How many choices it made, calm ones included, without those made each second."""
    held_allowed: bool = False
    """Whether the scenario allowed jobs to be held at the end."""

    @functools.cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Its choices that were not 0, in the order in which they were made."""
        return tuple(map(choice_of, self.picks))

    @property
    def passed(self) -> bool:
        """Whether the run did not fail."""
        return self.outcome.passed

    @property
    def failure(self) -> Failure | None:
        """How the run failed; None if it passed."""
        return self.outcome.failure

    @property
    def simulated(self) -> timedelta:
        """How much virtual time the run took."""
        return timedelta(microseconds=self.outcome.simulated)

    @functools.cached_property
    def digest(self) -> str:
        """32 hexadecimal digits over everything that happened: equal only for the same run."""
        outcome, failure = self.outcome, self.outcome.failure
        judged = None if failure is None else (failure.kind, failure.signature)
        return digest(self.events, outcome.steps, outcome.simulated, judged, *self.entropy)

    @functools.cached_property
    def trace(self) -> Trace:
        """The run as one document, which ``save(path)`` writes and ``simqueue replay`` repeats."""
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
        """Do nothing if the run passed.

        Raises:
            FailedRun: the run failed; ``failure`` of the error says how.
        """
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
    """Play a scenario once; return the run, also if it failed.

    Args:
        scenario: an async function of one ``Simulation``.
        seed: decides everything that ``choices`` does not; 0 to 2**63 - 1.
        config: what may happen in the run.
        choices: choices of a trace to repeat (those it lacks are 0, the calm ones), or a source of
            choices. None: the seed draws them. ``{}``: the calm run.
        target: what the trace calls the scenario.
        watch: called with each event's number and entry; what it raises ends the run and is raised.
        on_start: called with the scenario's simulation before it begins.
        on_failure: called if the run fails, with the frames that it failed in, the user's last, or
            in which its scenario waited; None if there are none. The frames can be kept and looked
            at when the run is over.

    Raises:
        TargetError: ``scenario`` is not an async function.
        UsageError: ``seed`` or ``config`` cannot be used, or a run is in progress in this process.

    Example:
        >>> simqueue.run(scenario, seed=7).passed
        True
    """
    if not is_scenario(scenario):
        name = getattr(scenario, "__qualname__", repr(scenario))
        raise TargetError(name, "a scenario is an `async def` function of one Simulation")
    _check_settings(seed, config)
    hooks = Hooks(watch, on_start, on_failure)
    with gated() as gate, _alone(), quiet_heap():
        # In a call of its own, so that nothing holds the world when the heap is collected.
        played = play(
            scenario,
            config=config,
            seed=seed,
            choices=Choices(_source(seed, choices)),
            gate=gate,
            hooks=hooks,
        )
    return _run_of(played, target, seed, config)


def _run_of(played: Played, target: str, seed: int, config: Config) -> Run:
    return Run(
        target=target,
        seed=seed,
        config=config,
        outcome=played.outcome,
        events=played.events,
        elapsed=played.elapsed,
        picks=played.picks,
        made=played.made,
        entropy=played.entropy,
        wanted=played.wanted,
        held_allowed=played.held_allowed,
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


def _source(seed: int, choices: Recorded | Source | None) -> Source:
    if choices is None:
        return Seeded(seed)
    return Recording(choices) if isinstance(choices, dict) else choices


def is_scenario(scenario: object) -> bool:
    """Return whether something is an async function, wraps one, or is an object that calls one."""
    call = getattr(scenario, "__call__", None)  # noqa: B004  looks at the attribute, not at whether it is callable
    plain = inspect.unwrap(scenario) if callable(scenario) else scenario
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(call)


@functools.cache
def version_of(package: str) -> str:
    """Return the version of an installed package, as traces name it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0.0.0"
