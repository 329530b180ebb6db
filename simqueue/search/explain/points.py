"""Points: the moments of a failing run that are separated by choices, and runs from there on.

Runs that do the same up to an event, and make fresh choices after it, show whether the failure
could still be avoided after that event. Events without a choice between them give the same runs:
they are one point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from simqueue.choices import Calm, Continued, Recording, Seeded, Source
from simqueue.choices.survey import Survey
from simqueue.errors import DivergenceError, UsageError
from simqueue.model.choice import by_key
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.difference import first_difference
from simqueue.search.nodes import PYTEST, node_of
from simqueue.search.processes.clean import clean_for
from simqueue.search.replay.replayer import refuse_leaked, scenario_of
from simqueue.search.target import Admit
from simqueue.search.trust import refuse_untrusted
from simqueue.sim.run import SEED_MAX, Run, Scenario, run
from simqueue.sim.text.descriptions import OUTLIVES

START = -1
"""Stands for the moment before the first event."""

_PASSED = "the trace is of a run that passed: there is no failure to explain"
_SECOND_US = 1_000_000
_Made = tuple[int, int]
"""The number of choices so far, and of seconds if some choices are made once a second."""


def scenario_to_vary(trace: Trace, function: str, admit: Admit = refuse_untrusted) -> Scenario:
    """Find the scenario of a trace; ``function`` is going to play it with other choices.

    ``admit`` is as for ``scenario_of``.

    Raises:
        TargetError: it does not exist any more, or must not be run without asking.
        UsageError: the trace is of a run that passed, or it names no target, or a test.
    """
    if trace.outcome.failure is None:
        raise UsageError(_PASSED)
    if trace.target.startswith(PYTEST):
        node_of(trace.target)
        raise UsageError(
            "the trace is of a test, which only pytest can set up: call "
            f"simqueue.search.{function}(trace, scenario=...) with what the test does with sim"
        )
    return scenario_of(trace, f"search.{function}", admit)


@dataclass(frozen=True, slots=True)
class Point:
    """The events ``first`` to ``last``, without a choice between them.

    ``made`` is the number of choices of two options or more before the event ``first``.
    """

    first: int
    last: int
    made: int


@dataclass(slots=True)
class _Log:
    """Records how many choices a survey had seen at each event."""

    survey: Survey
    marks: list[int] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    """For each key whose choices are made once a second, the time of the last event before it."""
    _now: int = 0

    def see(self, number: int, entry: Entry) -> None:
        for key in self.survey.leapt[len(self.opened) :]:
            self.opened[key] = self._now
        self._now = entry.at
        self.marks.append(len(self.survey.options))


class Points:
    """A failing run, played again to record which choices it requests and when.

    ``run`` is that run and ``trace`` its trace. ``points`` are the moments from which another run
    can differ, the first being ``START``; ``end`` is the first event without a choice after it.

    Raises:
        DivergenceError: the trace does not fail that way any more.
        UsageError: the trace is of a run that passed.
    """

    def __init__(self, trace: Trace, scenario: Scenario) -> None:
        if trace.outcome.failure is None:
            raise UsageError(_PASSED)
        self._scenario, self._seed, self._origin = scenario, trace.seed, trace
        self.played = 0
        self._survey = Survey(Recording(trace.recorded()))
        self._log = _Log(self._survey)
        self.signature = trace.outcome.failure.signature
        with clean_for(scenario) as clean:
            self.run = run(
                scenario,
                seed=trace.seed,
                config=trace.config,
                choices=self._survey,
                target=trace.target,
                watch=self._log.see,
            )
            self.trace = self.run.trace
            if not self.is_alike(self.run):
                refuse_leaked(clean, scenario, trace, self.run)
                _diverge(trace, self.trace)
        *self.points, last = self._all()
        self.end = last.first

    def is_alike(self, again: Run) -> bool:
        """Return whether a run fails the same way as this one."""
        return again.failure is not None and again.failure.signature == self.signature

    def continuation(self, point: Point, number: int) -> Run:
        """Play a run that is this one up to ``point`` and makes fresh choices from there on.

        Number 0 continues calmly; the others draw from seeds that are derived from the trace's
        digest.

        Raises:
            DivergenceError: it differs before the point: something is not deterministic.
        """
        played = self.play(self._from(point, self._fresh(number)))
        count = point.first + 1
        if played.events[:count] != self.run.events[:count]:
            self.check_unspoilt()
            _diverge(self.trace, played.trace)
        return played

    def play(self, choices: Source) -> Run:
        """Play a run with the trace's seed and config, and other choices."""
        trace = self._origin
        self.played += 1
        return run(
            self._scenario,
            seed=self._seed,
            config=trace.config,
            choices=choices,
            target=trace.target,
        )

    def check_unspoilt(self) -> None:
        """Check that the runs played so far left nothing behind that changes later runs.

        Raises:
            UsageError: the trace's own run is not the same as before them.
        """
        if self.play(Recording(self._origin.recorded())).digest != self.run.digest:
            raise UsageError(
                f"{OUTLIVES}: after {self.played} other runs the trace's own run was different, "
                "so they prove nothing; `simqueue fuzz` names what is kept: make it in the scenario"
            )

    def shared(self, other: Run) -> int:
        """Return the index of the last point up to which a run makes the same choices."""
        until = len(self.run.events)
        for ours, theirs in zip(self.run.picks, other.picks, strict=False):
            if ours[:3] != theirs[:3]:
                until = min(ours[5], theirs[5])
                break
        else:
            longer = max(self.run.picks, other.picks, key=len)
            rest = longer[min(len(self.run.picks), len(other.picks)) :]
            until = rest[0][5] if rest else until
        return sum(point.first < until for point in self.points) - 1

    def options(self) -> list[tuple[str, int, int, int]]:
        """Return key, position and number of options of each choice, and the events before it."""
        options, marks = [], iter(enumerate(self._log.marks))
        event, mark = next(marks, (len(self._log.marks), len(self._survey.options)))
        for place, (key, position, of) in enumerate(self._survey.options):
            while place >= mark:
                event, mark = next(marks, (len(self._log.marks), len(self._survey.options)))
            options.append((key, position, of, event))
        return options

    def _fresh(self, number: int) -> Source:
        if not number:
            return Calm()
        drawn = blake2b(f"{self._origin.digest} {number}".encode(), digest_size=8).digest()
        return Seeded(int.from_bytes(drawn, "big") % SEED_MAX)

    def _from(self, point: Point, rest: Source) -> Continued:
        before = by_key(each for each in self.run.choices if each.event <= point.first)
        made = dict[str, int]()
        for key, position, _ in self._survey.options[: point.made]:
            made[key] = position + 1
        now = self.run.events[point.first].at if point.first >= 0 else START
        for key, since in self._log.opened.items():
            # The first of these choices is made after a second.
            made[key] = max(0, (now - since) // _SECOND_US)
        return Continued(before, made, rest)

    def _all(self) -> Iterator[Point]:
        """Yield all points; the last is the one without a choice after it."""
        first, before = START, (0, 0)
        for number in range(len(self.run.events)):
            made = self._made(number)
            if made != before:
                yield Point(first, number - 1, before[0])
                first, before = number, made
        last = len(self.run.events) - 1
        yield Point(first, last, before[0])
        if before[0] < len(self._survey.options) or self._survey.leapt:
            yield Point(last + 1, last + 1, len(self._survey.options))

    def _made(self, number: int) -> _Made:
        seconds = self.run.events[number].at // _SECOND_US if self._survey.leapt else 0
        return self._log.marks[number], seconds


def _diverge(trace: Trace, again: Trace) -> None:
    parted = first_difference(trace, again)
    assert parted is not None  # noqa: S101  they began or ended differently
    raise DivergenceError(parted.number, parted.one, parted.other, parted.actor)
