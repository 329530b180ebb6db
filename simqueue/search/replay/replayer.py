"""Plays a trace again, and returns the verdict."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from simqueue.errors import NAME_SHOWN, UsageError, excerpt
from simqueue.model.events import Entry
from simqueue.model.findings import Difference, Move, Replayed, Verdict
from simqueue.model.trace import Trace
from simqueue.report.difference import first_difference
from simqueue.report.findings.replay import render_not_reproduced, render_replay
from simqueue.search.budgets import NEARBY_RUNS
from simqueue.search.nodes import PYTEST, node_of
from simqueue.search.processes.alone import Printing, after, left_by, of_trace, signature_of
from simqueue.search.processes.clean import Clean, LostError, clean_for, opened_for
from simqueue.search.replay.comparison import Comparison, Observers
from simqueue.search.replay.nearby import Nearby, look_nearby, moves
from simqueue.search.replay.stops import Stops
from simqueue.search.target import Admit, as_word, load_target
from simqueue.search.trust import refuse_untrusted
from simqueue.sim.run import Run, Scenario, run
from simqueue.sim.text.descriptions import ADVICE, OUTLIVES


@dataclass(frozen=True, slots=True)
class Replay:
    """A trace, the run that repeated it, and the first difference between them, if any.

    ``moved`` are the choices that had to be moved for the run to fail the same way. ``nearby``
    describes the variations that were played after a run that drifted and passed. ``outlives``
    names what a run leaves to the next one, if that is the cause. ``printed`` is the end of what
    the run printed, if it was played in a process of its own.

    Example:
        >>> replayed = simqueue.replay(simqueue.run(broken, seed=bad_seed).trace, scenario=broken)
        >>> replayed.verdict, replayed.reproduced
        ('reproduced', True)
    """

    verdict: Verdict
    trace: Trace
    run: Run
    divergence: Difference | None
    moved: tuple[Move, ...] = ()
    nearby: Nearby | None = None
    outlives: str = ""
    printed: str = ""

    @property
    def reproduced(self) -> bool:
        """Whether the run repeated the trace exactly, down to each clock reading."""
        return self.verdict == "reproduced"

    @property
    def record(self) -> Replayed:
        """The replay as a plain record, to print."""
        return Replayed(
            self.verdict,
            self.trace,
            self.run.trace,
            self.divergence,
            self.moved,
            self.nearby,
            _cause(self.outlives),
            _audit_command(self.trace),
        )

    def __str__(self) -> str:
        """Return the verdict, and from which event on the run differs."""
        return render_replay(self.record)


def _cause(outlives: str) -> str:
    """Return why a failure that needs an earlier run is not the application's."""
    return f"{OUTLIVES}: {outlives}: {ADVICE}"


def _audit_command(trace: Trace) -> str:
    """Return the command that finds a set whose order decides, if there is one for this target."""
    if not trace.target or trace.target.startswith(PYTEST):
        return ""
    return f"simqueue audit {as_word(trace.target)} --seed {trace.seed}"


def replay(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    exact: bool = False,
    nearby: int = NEARBY_RUNS,
    watch: Callable[[int, Entry], None] | None = None,
    stop_at: Callable[[int, Entry], bool] | None = None,
    on_failure: Callable[[TracebackType | None], object] | None = None,
) -> Replay:
    """Play a trace again, with its seed, its config and its choices.

    Args:
        trace_or_path: of the run to repeat.
        scenario: replaces the trace's target, which is looked up from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        exact: stop at the first event that is not the recorded one.
        nearby: how many variations of the choices, and seeds, to play if a failed run drifts and
            passes, to find one that fails the same way; none if ``exact``.
        watch: called with each event of the run, before it is compared; not for variations.
        stop_at: called with each event; where it returns true, the debugger that ``breakpoint()``
            means opens at the event. What is typed there does not change the run.
        on_failure: called with the frames in which the run fails, as by ``simqueue.run``.

    Raises:
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        DivergenceError: with ``exact``: the run differs; the error names the event and the worker.

    Example:
        >>> trace = simqueue.run(broken, seed=bad_seed).trace
        >>> simqueue.replay(trace, scenario=broken, exact=True).verdict
        'reproduced'
    """
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    stops = None if stop_at is None else Stops(trace, stop_at)
    comparison = Comparison(trace, Observers(watch, stops, on_failure), exact)
    return _replayed(scenario or scenario_of(trace, "replay"), comparison, nearby)


def _replayed(scenario: Scenario, comparison: Comparison, nearby: int) -> Replay:
    """Play the trace; if its failure does not come again, look for the reason."""
    trace, exact = comparison.trace, comparison.exact
    before = None if exact or comparison.observers else opened_for(scenario)
    explained = not exact and trace.outcome.failure is not None
    with clean_for(scenario) if explained else nullcontext() as clean:
        alone = _alone(before, scenario, comparison)
        again, printed = (_here(scenario, comparison), "") if alone is None else alone
        divergence = comparison.finish(again.trace)
        verdict = _verdict(trace, again, divergence)
        replayed = Replay(verdict, trace, again, divergence, printed=printed)
        if divergence is None or not explained or again.failure:
            return replayed
        return _explained(replayed, divergence, scenario, clean, nearby)


def _here(scenario: Scenario, comparison: Comparison) -> Run:
    """Play the trace in this process."""
    trace, observers = comparison.trace, comparison.observers
    return run(
        scenario,
        seed=trace.seed,
        config=trace.config,
        choices=trace.recorded(),
        target=trace.target,
        watch=comparison.see,
        on_start=None if observers.stops is None else observers.stops.begin,
        on_failure=observers.on_failure,
    )


def _alone(
    clean: Clean | None, scenario: Scenario, comparison: Comparison
) -> tuple[Run, str] | None:
    """Play the trace in a process without earlier runs; None if there is none, or it was lost.

    The end of what it prints is returned as well.
    """
    if clean is None:
        return None
    try:
        again, printed = clean.ask(scenario, Printing(of_trace(comparison.trace)))
    except LostError:
        return None
    for number, entry in enumerate(again.events):
        comparison.see(number, entry)
    return again, printed


def _verdict(trace: Trace, again: Run, divergence: Difference | None) -> Verdict:
    """Return the verdict of the run alone, before any variation is played."""
    if divergence is None:
        return "reproduced"
    recorded, failure = trace.outcome.failure, again.failure
    if failure is None:
        return "drifted-passed"
    same = recorded is not None and recorded.signature == failure.signature
    return "drifted-alike" if same else "different"


# --- a failure that did not come again ------------------------------------------------------------


def _explained(
    replayed: Replay, divergence: Difference, scenario: Scenario, clean: Clean | None, nearby: int
) -> Replay:
    """Return why the run passed: the process it was recorded in, moved choices, or a fix."""
    trace, again = replayed.trace, replayed.run
    outlives = what_outlives(clean, scenario, trace)
    if outlives:
        return Replay("not-reproduced", trace, again, divergence, outlives=outlives)
    if not nearby:
        return replayed
    return _judged(replayed, divergence, look_nearby(scenario, trace, again, nearby, clean))


def _judged(replayed: Replay, divergence: Difference, nearby: Nearby) -> Replay:
    """Return the verdict on a trace that drifted and passed, after variations were played."""
    trace, again = replayed.trace, replayed.run
    if nearby.same is not None:
        parted = first_difference(trace, nearby.same.trace) or divergence
        moved = moves(trace, nearby.same) if nearby.seed is None else ()
        return Replay("drifted-alike", trace, nearby.same, parted, moved, nearby)
    continued = again.outcome.simulated >= trace.outcome.simulated
    complete = divergence.number >= len(trace.events) or not nearby.unmet
    verdict: Verdict = "gone" if continued and complete else "drifted-passed"
    return Replay(verdict, trace, again, divergence, (), nearby)


def what_outlives(clean: Clean | None, scenario: Scenario, trace: Trace) -> str:
    """Return the state that outlives a run, if the trace's run fails the same way after another."""
    recorded = trace.outcome.failure
    if clean is None or recorded is None:
        return ""
    play = of_trace(trace)
    try:
        again = clean.ask(scenario, partial(after, (play, play)))
        if signature_of(again) != recorded.signature:
            return ""
        # To look for it takes longer than a run, so only now.
        return clean.ask(scenario, partial(left_by, play))
    except LostError:
        return ""


def refuse_leaked(clean: Clean | None, scenario: Scenario, trace: Trace, again: Run) -> None:
    """Refuse a trace whose run passes, and fails the same way only after another run.

    Raises:
        UsageError: that is the case.
    """
    outlives = "" if again.failure is not None else what_outlives(clean, scenario, trace)
    if outlives:
        raise UsageError(render_not_reproduced(_cause(outlives)))


def scenario_of(trace: Trace, command: str, admit: Admit = refuse_untrusted) -> Scenario:
    """Find the scenario of a trace; ``command`` is the function that is going to run it.

    ``admit`` raises if it must not be run; the default is ``refuse_untrusted``.

    Raises:
        TargetError: it does not exist any more, or must not be run without asking.
        UsageError: the trace names no scenario, or a test, which only pytest can run.
    """
    if trace.target.startswith(PYTEST):
        node = as_word(excerpt(node_of(trace.target), NAME_SHOWN))
        raise UsageError(f"the trace is of a test: run `pytest {node} --simqueue-replay FILE`")
    if not trace.target:
        raise UsageError(f"the trace names no target: call simqueue.{command}(..., scenario=...)")
    return load_target(trace.target, admit).scenario
