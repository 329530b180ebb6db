"""Shrinking: a failing run becomes the fewest deviations from calm that still fail alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.choice import by_key
from simqueue.model.trace import Trace
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.search.processes.alone import Play, of_run, signature_of
from simqueue.search.processes.clean import Clean, LostError, clean_for
from simqueue.search.replay.replayer import replay, scenario_of
from simqueue.search.shrink.attempts import Attempts, Candidate, SpentError
from simqueue.search.shrink.dropping import (
    GROUPINGS,
    cut_tail,
    drop_all,
    drop_each,
    drop_faults,
    drop_groups,
    drop_idle_faults,
    keep_one_group,
)
from simqueue.search.shrink.lowering import lower, merge, pool, stretch, stretch_one
from simqueue.search.target import Admit
from simqueue.search.trust import refuse_untrusted
from simqueue.sim.run import Run, Scenario

_KEPT_ALONE = GROUPINGS[:2]
_LOWERINGS = 2
"""A value is lowered to what is enough as the others are, and once more when those are lower."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The simplest run that was found, and what it took.

    ``before`` is how many deviations the trace had. ``minimal``: without any one of those that are
    left the run is known to pass, or to fail in another way. ``others`` are the signatures of such
    failures, as they were met.
    """

    before: int
    run: Run
    runs: int
    minimal: bool
    others: tuple[str, ...]

    @property
    def after(self) -> int:
        """How many deviations are left."""
        return len(self.run.choices)

    @property
    def trace(self) -> Trace:
        """The simplest run as one document."""
        return self.run.trace


def shrink(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    budget_runs: int = SHRINK_RUNS,
) -> Trace:
    """Find a simpler trace that fails the same way.

    Simpler is: fewer choices that are not 0, then smaller ones. The trace's config allows no
    faults but those that are needed. Equal traces shrink to equal ones.

    Args:
        trace_or_path: must end in a failure, whose ``signature`` is what has to survive.
        scenario: stands in for the trace's target, which is found from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: how often the scenario may be run.

    Raises:
        DivergenceError: the trace does not fail like that when replayed as it stands.
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        UsageError: the trace is of a run that passed, or of one that passes alone, or
            ``budget_runs`` is less than 1, or a process that played a run was lost.

    Example:
        >>> trace = simqueue.run(broken, seed=bad_seed).trace
        >>> small = simqueue.shrink(trace, scenario=broken)
        >>> small.outcome.failure == trace.outcome.failure, len(small.choices)
        (True, 1)
    """
    return shrink_further(trace_or_path, scenario=scenario, budget_runs=budget_runs).trace


def scenario_to_shrink(trace: Trace, admit: Admit = refuse_untrusted) -> Scenario:
    """Find the scenario that a trace is of, as ``scenario_of`` does.

    Raises:
        TargetError: it is gone, or must not be run without asking.
        UsageError: the trace is of a run that passed, or it names no target, or a test.
    """
    _refuse_passed(trace)
    return scenario_of(trace, "shrink", admit)


def _refuse_passed(trace: Trace) -> None:
    if trace.outcome.failure is None:
        raise UsageError("the trace is of a run that passed: there is nothing to shrink")


def shrink_further(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    budget_runs: int = SHRINK_RUNS,
    time_limit: timedelta | None = None,
    on_progress: Callable[[Shrunk], object] | None = None,
) -> Shrunk:
    """Do what ``shrink`` does, and tell of it; begin no more runs after ``time_limit``.

    ``on_progress`` is called after each run with the simplest so far, so that whoever interrupts
    the search has it. What it raises ends the search and is raised.
    """
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    if budget_runs < 1:
        raise UsageError(f"budget_runs must be 1 or more, not {budget_runs}")
    _refuse_passed(trace)
    played = scenario or scenario_of(trace, "shrink")

    def play_of(candidate: Candidate) -> Play:
        return Play(trace.seed, candidate.config, trace.target, by_key(candidate.choices))

    def told(attempts: Attempts, *, minimal: bool = False) -> Shrunk:
        runs, others = budget_runs - attempts.left, tuple(attempts.others)
        return Shrunk(len(trace.choices), attempts.simplest, runs, minimal, others)

    def on_run(attempts: Attempts) -> None:
        if on_progress is not None:
            on_progress(told(attempts))

    ends = None if time_limit is None else perf_counter() + time_limit.total_seconds()
    with clean_for(played) as clean:
        first = _verified(trace, played)

        def simplified(play: Callable[[Candidate], Run]) -> Attempts:
            attempts = Attempts(play, first, budget_runs - 1, ends, on_run)
            on_run(attempts)
            _simplify(attempts)
            return attempts

        attempts = simplified(lambda candidate: play_of(candidate)(played))
        if clean is not None and not _holds(attempts, clean, played):
            # What earlier runs left behind has decided: each is played where none came before.
            attempts = simplified(lambda candidate: _alone(clean, played, play_of(candidate)))
    return told(attempts, minimal=attempts.is_minimal())


def _holds(attempts: Attempts, clean: Clean, scenario: Scenario) -> bool:
    """Return whether the simplest run fails alike where no run came before."""
    simplest = attempts.simplest
    try:
        alone = clean.ask(scenario, of_run(simplest))
    except LostError:
        return True
    return signature_of(alone) == signature_of(simplest)


def _alone(clean: Clean, scenario: Scenario, play: Play) -> Run:
    try:
        return clean.ask(scenario, play)
    except LostError as error:
        raise UsageError(f"the process that played one of its runs {error}") from None


def _verified(trace: Trace, scenario: Scenario) -> Run:
    """Return the run that the trace is of, if it still fails alike."""
    again = replay(trace, scenario=scenario, nearby=0)
    if again.verdict == "not-reproduced":
        raise UsageError(str(again))
    found = again.divergence
    if found is not None and again.verdict != "drifted-alike":
        raise DivergenceError(found.number, found.one, found.other, found.actor)
    return again.run


def _simplify(attempts: Attempts) -> None:
    """Go from the coarse to the fine, until nothing changes or no run is left."""
    try:
        if not drop_all(attempts):
            _coarsely(attempts)
            _finely(attempts)
    except SpentError:
        pass


def _coarsely(attempts: Attempts) -> None:
    drop_faults(attempts)
    stretch_one(attempts)
    cut_tail(attempts)
    for grouping in _KEPT_ALONE:
        keep_one_group(attempts, grouping)
    stretch(attempts)
    pool(attempts, halvings=1)
    for grouping in GROUPINGS:
        drop_groups(attempts, grouping)
        cut_tail(attempts)


def _finely(attempts: Attempts) -> None:
    for _ in range(_LOWERINGS):
        _thin_out(attempts)
        lower(attempts)
    _thin_out(attempts)


def _thin_out(attempts: Attempts) -> None:
    """Leave out and merge until neither is possible."""
    before = None
    while attempts.best is not before:
        before = attempts.best
        drop_idle_faults(attempts)
        drop_each(attempts)
        pool(attempts)
        merge(attempts)
