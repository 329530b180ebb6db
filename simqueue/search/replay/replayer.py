"""A replay: a trace played again, and the verdict."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Literal

from simqueue.errors import NAME_SHOWN, DivergenceError, UsageError, excerpt
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.difference import (
    Difference,
    difference_at,
    first_difference,
    reordered,
    unseen_difference,
)
from simqueue.search.budgets import NEARBY_RUNS
from simqueue.search.nodes import PYTEST, node_of
from simqueue.search.processes.alone import after, left_by, of_trace, signature_of
from simqueue.search.processes.clean import Clean, LostError, clean_for, opened_for
from simqueue.search.replay.nearby import Move, Nearby, look_nearby, moves, render_moves
from simqueue.search.replay.stops import Stops
from simqueue.search.target import Admit, as_word, load_target
from simqueue.search.trust import refuse_untrusted
from simqueue.sim.run import Run, Scenario, run
from simqueue.sim.text.descriptions import ADVICE, OUTLIVES

Verdict = Literal[
    "reproduced", "drifted-alike", "drifted-passed", "gone", "not-reproduced", "different"
]
"""What became of a trace.

``reproduced``      event for event the same, digest included, and the same outcome
``drifted-alike``   something happened otherwise, and the run still failed with the same signature:
                    by the trace's choices, when some of them were moved a little, or by those of a
                    seed; ``Replay.moved`` and ``Replay.nearby`` tell which
``drifted-passed``  something happened otherwise, and the run passed; whether the failure is gone is
                    not known, since not all that led to it was met again
``gone``            the run passed and went on beyond the time at which it had failed, though all
                    that led to the failure was met again: every recorded event happened, or every
                    recorded choice was asked for about the same step at the same time; and no
                    variation of the choices and no seed fails alike, of those that were tried
``not-reproduced``  the run passed where no other came before, and failed alike when it was played
                    after another: what decided lies outside of the run
``different``       the run failed, and the trace did not fail like that
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """A trace, the run that repeated it, and the first thing in which they differ, if any.

    ``moved`` are the choices that had to be moved for the run to fail alike. ``nearby`` tells of
    the variations that were played after a run that drifted and passed. ``outlives`` names what a
    run leaves to the next, if that decides.

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

    @property
    def reproduced(self) -> bool:
        """Whether the run did what the trace did, to the last clock reading."""
        return self.verdict == "reproduced"

    def __str__(self) -> str:
        """Say the verdict, and from which event on the run went its own way."""
        return _sentence(self)


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
        scenario: stands in for the trace's target, which is found from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        exact: stop at the first event that is not the recorded one.
        nearby: when a failed run drifts and passes, how many variations of its choices, and seeds,
            to play in search of one that fails alike; with ``exact`` none is.
        watch: shown each event of the run, before it is compared; not of variations.
        stop_at: asked about each of them; where it says so, the debugger that ``breakpoint()``
            means opens at the event, before it is judged. What is typed there leaves no mark.
        on_failure: given the frames that the run fails in, as ``simqueue.run`` gives them.

    Raises:
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        DivergenceError: with ``exact``: the run did something else; it says what, and who did it.

    Example:
        >>> trace = simqueue.run(broken, seed=bad_seed).trace
        >>> simqueue.replay(trace, scenario=broken, exact=True).verdict
        'reproduced'
    """
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    stops = None if stop_at is None else Stops(trace, stop_at)
    comparison = _Comparison(trace, watch, stops, exact=exact)
    scenario = scenario or scenario_of(trace, "replay")

    def play(scenario: Scenario) -> Run:
        return run(
            scenario,
            seed=trace.seed,
            config=trace.config,
            choices=trace.recorded(),
            target=trace.target,
            watch=comparison.see,
            on_start=None if stops is None else stops.begin,
            on_failure=on_failure,
        )

    seen = exact or watch is not None or stops is not None or on_failure is not None
    before = None if seen else opened_for(scenario)
    wanted = not exact and trace.outcome.failure is not None
    with clean_for(scenario) if wanted else nullcontext() as clean:
        again = _first(before, trace, scenario, comparison) or play(scenario)
        divergence = comparison.finish(again.trace)
        verdict = _verdict(trace, again, divergence)
        if divergence is None or not wanted or again.failure:
            return Replay(verdict, trace, again, divergence)
        outlives = what_outlives(clean, scenario, trace)
        if outlives:
            return Replay("not-reproduced", trace, again, divergence, outlives=outlives)
        if not nearby:
            return Replay(verdict, trace, again, divergence)
        found = look_nearby(scenario, trace, again, nearby, clean)
        return _judged(trace, again, divergence, found)


def _first(
    clean: Clean | None, trace: Trace, scenario: Scenario, comparison: _Comparison
) -> Run | None:
    """Play a trace where no run came before, if that was provided for; None if it was not."""
    if clean is None:
        return None
    try:
        again = clean.ask(scenario, of_trace(trace))
    except LostError:
        return None
    for number, entry in enumerate(again.events):
        comparison.see(number, entry)
    return again


def _judged(trace: Trace, again: Run, divergence: Difference, nearby: Nearby) -> Replay:
    """Say what became of a trace that drifted and passed, now that variations were played."""
    if nearby.alike is not None:
        parted = first_difference(trace, nearby.alike.trace) or divergence
        moved = moves(trace, nearby.alike) if nearby.seed is None else ()
        return Replay("drifted-alike", trace, nearby.alike, parted, moved, nearby)
    went_on = again.outcome.simulated >= trace.outcome.simulated
    met = divergence.number >= len(trace.events) or not nearby.unmet
    verdict: Verdict = "gone" if went_on and met else "drifted-passed"
    return Replay(verdict, trace, again, divergence, (), nearby)


def what_outlives(clean: Clean | None, scenario: Scenario, trace: Trace) -> str:
    """Name what a run leaves to the next, if the trace's run fails alike after another one."""
    recorded = trace.outcome.failure
    if clean is None or recorded is None:
        return ""
    play = of_trace(trace)
    try:
        again = clean.ask(scenario, partial(after, (play, play)))
        if signature_of(again) != recorded.signature:
            return ""
        # To look at all that there is takes longer than a run: only if it is needed.
        return clean.ask(scenario, partial(left_by, play))
    except LostError:
        return ""


def refuse_leaked(clean: Clean | None, scenario: Scenario, trace: Trace, again: Run) -> None:
    """Say so if a trace's run passes, and fails alike after another one.

    Raises:
        UsageError: that is the case.
    """
    outlives = "" if again.failure is not None else what_outlives(clean, scenario, trace)
    if outlives:
        raise UsageError(_not_reproduced(outlives))


def scenario_of(trace: Trace, command: str, admit: Admit = refuse_untrusted) -> Scenario:
    """Find the scenario that a trace is of; ``command`` is what wants to run it.

    ``admit`` decides whether it may be run: by default where ``refuse_untrusted`` lets it.

    Raises:
        TargetError: it is gone, or must not be run without asking.
        UsageError: the trace names none, or a test, which pytest alone can run.
    """
    if trace.target.startswith(PYTEST):
        node = as_word(excerpt(node_of(trace.target), NAME_SHOWN))
        raise UsageError(f"the trace is of a test: run `pytest {node} --simqueue-replay FILE`")
    if not trace.target:
        raise UsageError(f"the trace names no target: call simqueue.{command}(..., scenario=...)")
    return load_target(trace.target, admit).scenario


class _Comparison:
    """Holds the events of a run against those of a trace, as they come."""

    def __init__(
        self,
        trace: Trace,
        watch: Callable[[int, Entry], None] | None,
        stops: Stops | None,
        *,
        exact: bool,
    ) -> None:
        self._trace = trace
        self._watch, self._stops = watch, stops
        self._exact = exact
        self._found: Difference | None = None

    def see(self, number: int, entry: Entry) -> None:
        """Compare one event with the recorded one."""
        if self._watch is not None:
            self._watch(number, entry)
        found = self._found
        if found is None:
            events = self._trace.events
            recorded = events[number] if number < len(events) else None
            found = difference_at(number, recorded, entry)
        if self._stops is not None:
            self._stops.see(number, entry, found)
        if self._found is None:
            self._note(found)

    def finish(self, again: Trace) -> Difference | None:
        """Compare how the runs ended; return the first difference of all."""
        if self._found is None and len(again.events) < len(self._trace.events):
            number = len(again.events)
            self._note(difference_at(number, self._trace.events[number], None))
        if self._found is None:
            self._note(unseen_difference(self._trace, again))
        return self._found

    def _note(self, found: Difference | None) -> None:
        self._found = found
        if found is not None and self._exact:
            raise DivergenceError(found.number, found.one, found.other, found.actor)


def _verdict(trace: Trace, again: Run, divergence: Difference | None) -> Verdict:
    if divergence is None:
        return "reproduced"
    recorded, failure = trace.outcome.failure, again.failure
    if failure is not None:
        same = recorded is not None and recorded.signature == failure.signature
        return "drifted-alike" if same else "different"
    return "drifted-passed"


def _sentence(replay: Replay) -> str:
    found = replay.divergence
    if replay.verdict == "not-reproduced":
        same = replay.divergence is not None and replay.divergence.number >= len(
            replay.trace.events
        )
        return _not_reproduced(replay.outlives, same=same)
    if replay.verdict == "reproduced":
        ended = "passed" if replay.run.passed else "failed the same way"
        return f"reproduced: {len(replay.trace.events)} events, and it {ended}"
    assert found is not None  # noqa: S101  only a reproduced run has none
    said = f"{replay.verdict}: {_ended(replay, found)}"
    return (
        f"{said}; from event {found.number} on (by {found.actor}) it differs: the trace has "
        f"{found.one}, this run has {found.other}{_order(replay, found)}"
    )


def _order(replay: Replay, found: Difference) -> str:
    """Say that the runs have the same in another order, and how to find the set that may be why."""
    if not reordered(replay.trace, replay.run.trace, found.number):
        return ""
    trace = replay.trace
    if not trace.target or trace.target.startswith(PYTEST):
        return "; both have the same in another order, as the order of a set decides"
    return (
        "; both have the same in another order, as the order of a set decides: `simqueue audit "
        f"{as_word(trace.target)} --seed {trace.seed}` finds which"
    )


def _not_reproduced(outlives: str, *, same: bool = False) -> str:
    """Say that the run passes alone, perhaps with the ``same`` events, and what decides."""
    return (
        f"not-reproduced: it passes alone{', with the same events' if same else ''}, and fails the "
        f"same way after another run: what decided lies outside of the run: {OUTLIVES}: "
        f"{outlives}: {ADVICE}"
    )


def _ended(replay: Replay, found: Difference) -> str:
    """Say how the run ended, and what that took or tells."""
    match replay.verdict:
        case "drifted-alike":
            return _alike(replay)
        case "different":
            return "the run failed in another way"
        case "gone" if found.number >= len(replay.trace.events):
            said = "all recorded events happened again, and the run passed"
        case "gone":
            said = "every recorded choice was asked for again in its time, and the run passed"
        case _:
            said = "the run passed"
    if replay.nearby is None:
        return said
    lost = "" if replay.verdict == "gone" else _lost(replay.nearby)
    return f"{said}{lost}, and so did {_tried(replay.nearby)}"


def _alike(replay: Replay) -> str:
    """Say by which choices the run failed alike."""
    nearby = replay.nearby
    if nearby is None:
        return "the run failed the same way all the same"
    if nearby.seed is None:
        return f"the run failed the same way after choices were moved: {render_moves(replay.moved)}"
    return (
        f"its choices do not lead to the failure any more, nor do {nearby.variations} variations, "
        f"but seed {nearby.seed} fails the same way"
    )


def _lost(nearby: Nearby) -> str:
    """Say which recorded choices were not met again, if any."""
    if not nearby.unmet:
        return ""
    first, count = nearby.unmet[0], len(nearby.unmet)
    more = f" and {count - 1} more" if count > 1 else ""
    return (
        f", though {first.key!r} number {first.position}{more} was not asked for again in its time"
    )


def _tried(nearby: Nearby) -> str:
    said = f"{nearby.variations} variations of its choices and {nearby.seeds} seeds"
    return f"{said} but {nearby.others}, which failed in other ways" if nearby.others else said
