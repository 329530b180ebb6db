"""Shrinking: finds the fewest deviations from calm with which a run still fails the same way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.choice import by_key
from simqueue.model.findings import Shrinking
from simqueue.model.trace import Trace
from simqueue.search.budget import Budget, SpentError
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.search.processes.alone import Play, of_run, signature_of
from simqueue.search.processes.clean import Clean, LostError, clean_for
from simqueue.search.processes.successive import Successive, successive_for
from simqueue.search.replay.replayer import replay, scenario_of
from simqueue.search.shrink.attempts import Attempts, Candidate
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
"""Values are lowered twice, because lowering one may allow lowering another."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The simplest run that was found, and the cost.

    ``before`` is the number of deviations of the trace. ``minimal``: without any one of those that
    are left, the run is known to pass or to fail in another way. ``others`` are the signatures of
    such other failures, in the order in which they occurred.
    """

    before: int
    run: Run
    runs: int
    minimal: bool
    others: tuple[str, ...]

    @property
    def after(self) -> int:
        """Number of deviations that are left."""
        return len(self.run.choices)

    @property
    def trace(self) -> Trace:
        """The simplest run as one document."""
        return self.run.trace

    @property
    def shrinking(self) -> Shrinking:
        """The numbers alone, to print."""
        return Shrinking(self.before, self.after, self.runs, self.minimal)


def shrink(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    budget_runs: int = SHRINK_RUNS,
) -> Trace:
    """Find a simpler trace that fails the same way.

    Simpler means fewer choices that are not 0, then smaller ones. The new trace's config allows
    only the faults that are needed. Equal traces shrink to equal traces.

    Args:
        trace_or_path: must end in a failure, whose ``signature`` every simpler run must have.
        scenario: replaces the trace's target, which is looked up from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: largest number of runs to play.

    Raises:
        DivergenceError: the trace does not fail that way when it is replayed unchanged.
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
    """Shrink like ``shrink``, and return the cost too; begin no more runs after ``time_limit``.

    ``on_progress`` is called after each run with the simplest run so far, so that it is not lost if
    the search is interrupted. An exception that it raises ends the search and is raised.
    """
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    budget = Budget.of(budget_runs, time_limit)
    _refuse_passed(trace)
    scenario = scenario or scenario_of(trace, "shrink")
    return _Shrinker(trace, scenario, budget, on_progress or _ignored).shrunk()


def _ignored(shrunk: Shrunk) -> None:
    """Ignore the progress."""


@dataclass(slots=True)
class _Shrinker:
    """Simplifies the failing run of one trace.

    The budget is that of each of the two attempts: a second one is made if runs leave something
    behind that decides how later runs end.
    """

    trace: Trace
    scenario: Scenario
    budget: Budget
    on_progress: Callable[[Shrunk], object]

    def shrunk(self) -> Shrunk:
        """Simplify the run; again with each candidate played alone if that is not reliable."""
        with clean_for(self.scenario) as clean:
            first = _verified(self.trace, self.scenario)
            with successive_for(self.scenario) as successive:
                attempts = self._simplified(first, partial(self._in_turn, successive))
            if clean is not None and not self._holds(attempts, clean):
                attempts = self._simplified(first, partial(self._alone, clean))
        return self._result(attempts, minimal=attempts.is_minimal())

    def _simplified(self, first: Run, play: Callable[[Candidate], Run | None]) -> Attempts:
        budget = Budget(self.budget.left - 1, self.budget.ends)
        attempts = Attempts(play, first, budget, self._on_run)
        self._on_run(attempts)
        _simplify(attempts)
        return attempts

    def _in_turn(self, successive: Successive, candidate: Candidate) -> Run | None:
        """Play a candidate after those before it; None if it ended its process."""
        return successive.play(self._play(candidate))

    def _alone(self, clean: Clean, candidate: Candidate) -> Run:
        """Play a candidate in a process without earlier runs."""
        try:
            return clean.ask(self.scenario, self._play(candidate))
        except LostError as error:
            raise UsageError(f"the process that played one of its runs {error}") from None

    def _play(self, candidate: Candidate) -> Play:
        choices = by_key(candidate.choices)
        return Play(self.trace.seed, candidate.config, self.trace.target, choices)

    def _holds(self, attempts: Attempts, clean: Clean) -> bool:
        """Return whether the simplest run fails the same way in a process without earlier runs."""
        simplest = attempts.simplest
        try:
            alone = clean.ask(self.scenario, of_run(simplest))
        except LostError:
            return True
        return signature_of(alone) == signature_of(simplest)

    def _on_run(self, attempts: Attempts) -> None:
        self.on_progress(self._result(attempts))

    def _result(self, attempts: Attempts, *, minimal: bool = False) -> Shrunk:
        runs, others = self.budget.left - attempts.left, tuple(attempts.others)
        return Shrunk(len(self.trace.choices), attempts.simplest, runs, minimal, others)


def _verified(trace: Trace, scenario: Scenario) -> Run:
    """Return the run that the trace is of, if it still fails the same way."""
    again = replay(trace, scenario=scenario, nearby=0)
    if again.verdict == "not-reproduced":
        raise UsageError(str(again))
    parted = again.divergence
    if parted is not None and again.verdict != "drifted-alike":
        raise DivergenceError(parted.number, parted.one, parted.other, parted.actor)
    return again.run


def _simplify(attempts: Attempts) -> None:
    """Apply the passes, coarse ones first, until nothing changes or the budget is spent."""
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
    """Drop and merge choices until neither is possible."""
    before = None
    while attempts.best is not before:
        before = attempts.best
        drop_idle_faults(attempts)
        drop_each(attempts)
        pool(attempts)
        merge(attempts)
