"""Alone: before a failure counts, it is played again in a process without earlier runs.

All runs of a process share its modules and the objects that their scenario was given. If a run
fails after others and not alone, state outlived those runs: that is no failure of the application.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from simqueue.model.choice import Recorded, by_key
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.planning.assignment import Assignment, source_of
from simqueue.search.processes.clean import (
    LIMIT_S,
    Clean,
    GoneError,
    LostError,
    clean_for,
    in_a_copy,
)
from simqueue.search.processes.outliving import difference, picture
from simqueue.search.processes.output import Output
from simqueue.sim.run import Run, Scenario, run

Answer = TypeVar("Answer")

_HISTORY = 256
"""How many runs before a failure are played again to see whether they cause it."""


_SOONER = 0.9


@dataclass(frozen=True, slots=True)
class Play:
    """One run to be played: its choices are a trace's, or made as an assignment says."""

    seed: int
    config: Config
    target: str
    choices: Recorded | Assignment

    def __call__(self, scenario: Scenario) -> Run:
        """Play it."""
        choices = self.choices
        return run(
            scenario,
            seed=self.seed,
            config=self.config,
            choices=source_of(choices) if isinstance(choices, Assignment) else choices,
            target=self.target,
        )


@dataclass(frozen=True, slots=True)
class Printing:
    """One run to be played, with the end of what it prints."""

    play: Play

    def __call__(self, scenario: Scenario) -> tuple[Run, str]:
        """Play it."""
        with Output() as output:
            with output.captured():
                played = self.play(scenario)
            return played, output.tail()


def of_trace(trace: Trace) -> Play:
    """Return a ``Play`` of a trace's choices."""
    return Play(trace.seed, trace.config, trace.target, trace.recorded())


def of_run(played: Run) -> Play:
    """Return a ``Play`` that repeats a run's choices."""
    return Play(played.seed, played.config, played.target, by_key(played.choices))


def after(plays: Sequence[Play], scenario: Scenario) -> Run:
    """Play some runs one after the other, and return the last."""
    for play in plays[:-1]:
        play(scenario)
    return plays[-1](scenario)


def left_by(play: Play, scenario: Scenario) -> str:
    """Play a run, and name the state that it leaves to the next run."""
    before = picture(scenario)
    play(scenario)
    return difference(before, picture(scenario))


def signature_of(played: Run) -> str | None:
    """Return the signature of a run's failure."""
    return None if played.failure is None else played.failure.signature


@dataclass(slots=True)
class Alone:
    """Judges the failures of one process's runs: each is played again alone.

    Each run that this takes may take ``limit`` real seconds; ``on_step`` is called before it.
    ``leaking`` is set when another run caused one of them: from then on each run is played alone.
    """

    clean: Clean
    scenario: Scenario
    config: Config
    target: str
    limit: float = LIMIT_S
    on_step: Callable[[], object] = lambda: None
    leaking: bool = False
    history: deque[Assignment] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def wait(self, limit: float) -> None:
        """Give up runs a little sooner than a caller that waits ``limit`` real seconds for them."""
        self.limit = _SOONER * limit

    def play(self, assignment: Assignment) -> Run:
        """Play an assignment in a process without earlier runs.

        Raises:
            LostError: the process that played it ended before it reported the run.
        """
        return self._ask(self._play(assignment))

    def judge(self, assignment: Assignment, failed: Run) -> tuple[Run, str]:
        """Return how a failed run ends alone, and the state that outlives the runs if that differs.

        A failure that does not occur again either way is returned unchanged: no evidence shows that
        another run caused it.
        """
        # Not its choices: it may have failed before it made the choices that it makes alone.
        play = self._play(assignment)
        try:
            alone = self._ask(play)
            if signature_of(alone) == signature_of(failed) or not self._comes_again(play, failed):
                return failed, ""
            if signature_of(self._ask(play)) != signature_of(alone):
                return failed, ""  # it does not repeat itself
            before = self._ask(picture)
        except GoneError:
            raise
        except LostError:
            return failed, ""
        self.leaking = True
        return alone, difference(before, picture(self.scenario))

    def _comes_again(self, play: Play, failed: Run) -> bool:
        """Return whether a failure occurs again after other runs."""
        signature = signature_of(failed)
        self.on_step()
        if signature_of(in_a_copy(self.scenario, play, self.limit)) == signature:
            return True
        plays = [*map(self._play, list(self.history)[:-1]), play]
        return signature_of(self._ask(partial(after, plays))) == signature

    def _ask(self, call: Callable[[Scenario], Answer]) -> Answer:
        self.on_step()
        return self.clean.ask(self.scenario, call, self.limit)

    def _play(self, assignment: Assignment) -> Play:
        return Play(assignment.seed, self.config, self.target, assignment)


@contextmanager
def alone_for(
    scenario: Scenario, config: Config, target: str, limit: float = LIMIT_S
) -> Iterator[Alone | None]:
    """Yield the judge of failures of runs that this process is going to play, if there can be one.

    The caller waits ``limit`` real seconds for a run.
    """
    with clean_for(scenario) as clean:
        alone = None if clean is None else Alone(clean, scenario, config, target)
        if alone is not None:
            alone.wait(limit)
        yield alone
