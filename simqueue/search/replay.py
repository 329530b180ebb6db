"""A replay: a trace played again, and the verdict."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never

from simqueue.errors import DivergenceError, UsageError
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.difference import Difference, difference_at, unseen_difference
from simqueue.search.target import PYTEST, load_target
from simqueue.sim.run import Run, Scenario, run

Verdict = Literal["reproduced", "drifted-alike", "drifted-passed", "gone", "different"]
"""What became of a trace.

``reproduced``      event for event the same, digest included, and the same outcome
``drifted-alike``   something happened otherwise, and the run still failed with the same signature
``drifted-passed``  something happened otherwise, and the run passed
``gone``            all that led to the failure happened again, to the end, and the run passed
``different``       the run failed, and the trace did not fail like that
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """A trace, the run that repeated it, and the first thing in which they differ, if any."""

    verdict: Verdict
    trace: Trace
    run: Run
    divergence: Difference | None

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
    watch: Callable[[int, Entry], None] | None = None,
) -> Replay:
    """Play a trace again, with its seed, its config and its choices.

    Args:
        trace_or_path: of the run to repeat.
        scenario: stands in for the trace's target, which is found from the current directory.
        exact: stop at the first event that is not the recorded one.
        watch: shown each event of the run, before it is compared.

    Raises:
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found.
        DivergenceError: with ``exact``: the run did something else; it says what, and who did it.
    """
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    comparison = _Comparison(trace, watch, exact=exact)
    again = run(
        scenario or scenario_of(trace, "replay"),
        seed=trace.seed,
        config=trace.config,
        choices=trace.recorded(),
        target=trace.target,
        watch=comparison.see,
    )
    divergence = comparison.finish(again.trace)
    return Replay(_verdict(trace, again, divergence), trace, again, divergence)


def scenario_of(trace: Trace, command: str) -> Scenario:
    """Find the scenario that a trace is of; ``command`` is what wants to run it.

    Raises:
        TargetError: it is gone.
        UsageError: the trace names none, or a test, which pytest alone can run.
    """
    if trace.target.startswith(PYTEST):
        node = trace.target.removeprefix(PYTEST)
        raise UsageError(f"the trace is of a test: run `pytest '{node}' --simqueue-replay FILE`")
    if not trace.target:
        raise UsageError(f"the trace names no target: call simqueue.{command}(..., scenario=...)")
    return load_target(trace.target).scenario


class _Comparison:
    """Holds the events of a run against those of a trace, as they come."""

    def __init__(
        self, trace: Trace, watch: Callable[[int, Entry], None] | None, *, exact: bool
    ) -> None:
        self._trace = trace
        self._watch = watch
        self._exact = exact
        self._found: Difference | None = None

    def see(self, number: int, entry: Entry) -> None:
        """Compare one event with the recorded one."""
        if self._watch is not None:
            self._watch(number, entry)
        if self._found is None:
            events = self._trace.events
            recorded = events[number] if number < len(events) else None
            self._note(difference_at(number, recorded, entry))

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
    to_the_end = divergence.number >= len(trace.events)
    return "gone" if recorded is not None and to_the_end else "drifted-passed"


def _sentence(replay: Replay) -> str:
    found = replay.divergence
    match replay.verdict:
        case "reproduced":
            ended = "passed" if replay.run.passed else "failed the same way"
            return f"reproduced: {len(replay.trace.events)} events, and it {ended}"
        case "gone":
            return "gone: all recorded events happened again, and the run passed"
        case "drifted-alike":
            said = "the run failed the same way all the same"
        case "drifted-passed":
            said = "the run passed"
        case "different":
            said = "the run failed in another way"
        case _:
            assert_never(replay.verdict)
    assert found is not None  # noqa: S101  only a reproduced run has none
    return (
        f"{replay.verdict}: {said}; from event {found.number} on (by {found.actor}) it differs: "
        f"the trace has {found.one}, this run has {found.other}"
    )
