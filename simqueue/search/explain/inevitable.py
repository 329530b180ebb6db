"""When a failure became inevitable: the event after which it occurs whatever is chosen.

This is measured: a run is continued from an event several times, with the trace's choices up to the
event and fresh ones afterwards, first calm, then drawn from seeds. A continuation that passes, or
fails in another way, escapes. It proves that the failure was still avoidable at the event, and also
at every earlier one, which it continues as well. That all continuations fail the same way proves
nothing, but makes it likely that the failure was inevitable.

The answer is a pair of neighbouring points: the last one from which a continuation escaped, and the
next one, from which none did. Some later points are probed too, to rule out chance.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from simqueue.errors import UsageError
from simqueue.model.findings import Inevitable, Odds
from simqueue.model.trace import Trace
from simqueue.search.budget import Budget, SpentError
from simqueue.search.budgets import CONTINUATIONS, INEVITABLE_RUNS
from simqueue.search.explain.points import Points, scenario_to_vary
from simqueue.sim.run import Scenario

_GLANCE = 3
"""Continuations of a point in the first, coarse search."""

_PROBES = 4
"""Number of later points to probe, the next one among them."""

_ROWS = 8
"""Number of points whose odds are reported."""

_DEVIATIONS = 2
"""Number of deviations, the last ones, whose odds before and after are reported."""


def inevitable(
    trace_or_path: Trace | str | os.PathLike[str],
    continuations: int = CONTINUATIONS,
    *,
    scenario: Scenario | None = None,
    budget_runs: int = INEVITABLE_RUNS,
    time_limit: timedelta | None = None,
    on_progress: Callable[[Inevitable], object] | None = None,
) -> Inevitable:
    """Find the earliest event after which a run fails the same way, whatever is chosen later.

    The answer is the same each time, unless ``time_limit`` ends the search early.

    Args:
        trace_or_path: must end in a failure; a run fails the same way if it has its ``signature``.
        continuations: how many runs to play from a point, 2 or more; the first continues calmly,
            the others draw their choices, faults included, from seeds.
        scenario: replaces the trace's target, which is looked up from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: largest number of runs to play.
        time_limit: begin no more runs after so long.
        on_progress: called after each run with the result so far.

    Raises:
        DivergenceError: the trace does not fail that way when it is replayed unchanged.
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        UsageError: the trace is of a run that passed, a number is too small, or something outlives
            the runs.
    """
    if continuations < _FEWEST:
        raise UsageError(f"continuations must be {_FEWEST} or more, not {continuations}")
    budget = Budget.of(budget_runs, time_limit)
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    budget.left -= 1  # the trace's own run, which is played whatever it costs
    points = Points(trace, scenario or scenario_to_vary(trace, "inevitable.inevitable"))
    return _Search(points, continuations, budget, on_progress).result()


_FEWEST = 2


class _Search:
    """Searches for the point by bisection.

    ``low`` is the last point from which a continuation is known to have escaped, -1 for none.
    ``high`` is the first point after it from which all continuations that were played failed; one
    past the last point nothing is left to choose, so that no run has to show it.
    """

    def __init__(
        self,
        points: Points,
        continuations: int,
        budget: Budget,
        on_progress: Callable[[Inevitable], object] | None,
    ) -> None:
        self._points, self._count = points, continuations
        self._budget, self._runs = budget, 1
        self._on_progress = on_progress
        self._played: dict[int, list[str | None]] = {}
        self._settled = False
        self.low, self.high = -1, len(points.points)

    def result(self) -> Inevitable:
        """Search until the answer is known or the budget is spent."""
        try:
            self._close_in(min(_GLANCE, self._count))
            while not self._settled:
                self._confirm()
                self._settled = True
                self._even_out()  # one of these runs may escape from a later point
        except SpentError:
            pass
        self._points.check_unspoilt()
        return self.so_far()

    # --- the search ---

    def _close_in(self, count: int) -> None:
        """Bisect between ``low`` and ``high``, with ``count`` continuations from each point."""
        while self.high - self.low > 1:
            middle = (self.low + self.high) // 2
            if self._holds(middle, count):
                self.high = middle

    def _confirm(self) -> None:
        """Play all continuations from the first point that may be the answer and later ones."""
        end = len(self._points.points)
        while True:
            low = self.low
            self._climb()
            if all(self._holds(probe, self._count) for probe in _probes(self.high, end)):
                return
            assert self.low > low  # noqa: S101  a probe escaped, after the point

    def _climb(self) -> None:
        """Find the first point after ``low`` from which all continuations fail."""
        end, step = len(self._points.points), 1
        self.high = end
        while self.low + step < end:
            place = self.low + step
            if self._holds(place, self._count):
                self.high = place
                break
            step = min(2 * step, max(1, end - 1 - self.low))
        self._close_in(self._count)

    def _holds(self, place: int, count: int) -> bool:
        """Return whether ``count`` continuations from a point fail the same way."""
        if place <= self.low:
            return False
        if place >= len(self._points.points):
            return True
        for number in range(count):
            if number < len(self._outcomes(place)):
                continue  # played before: it failed, or the point would be below ``low``
            if not self._play(place, number):
                return False
        return True

    def _play(self, place: int, number: int) -> bool:
        """Play a continuation; return whether it fails the same way.

        One that escapes is also a continuation from later points, as far as it made the same
        choices.
        """
        self._budget.spend()
        self._runs += 1
        again = self._points.continuation(self._points.points[place], number)
        ended = None if again.failure is None else again.failure.signature
        self._outcomes(place).append(ended)
        same = ended == self._points.signature
        if not same:
            self.low = max(self.low, place, self._points.shared(again))
            if self.low >= self.high:
                self.high, self._settled = self.low + 1, False
        if self._on_progress is not None:
            self._on_progress(self.so_far())
        return same

    def _outcomes(self, place: int) -> list[str | None]:
        return self._played.setdefault(place, [])

    # --- the odds ---

    def _even_out(self) -> None:
        """Play all continuations from the points to report, and from some where the odds change."""
        places = self._noteworthy()
        for place in places:
            self._fill(place)
        while len(places) < _ROWS:
            gap = self._widest(places)
            if gap is None:
                break
            self._fill(gap)
            places = sorted([*places, gap])

    def _noteworthy(self) -> list[int]:
        """Return the start, the two neighbours, and the points around the last deviations."""
        there, places = self._points.points, [0, self.low, self.high]
        deviated = dict.fromkeys(choice.event for choice in reversed(self._points.run.choices))
        for event in list(deviated)[:_DEVIATIONS]:
            before = sum(point.first < event for point in there) - 1
            places += [before, before + 1]
        return sorted({place for place in places if 0 <= place < min(len(there), self.high + 1)})

    def _widest(self, places: list[int]) -> int | None:
        """Return the middle of the two points between which the odds change most."""
        gaps = [
            (abs(self._same(one) - self._same(other)), other - one, (one + other) // 2)
            for one, other in pairwise(places)
            if other - one > 1
        ]
        change, _, middle = max(gaps, default=(0, 0, None))
        return middle if change else None

    def _fill(self, place: int) -> None:
        for number in range(len(self._outcomes(place)), self._count):
            self._play(place, number)

    def _same(self, place: int) -> int:
        return self._outcomes(place).count(self._points.signature)

    # --- the result so far ---

    def so_far(self) -> Inevitable:
        """Return the result so far."""
        points, there = self._points, self._points.points
        full = [place for place in sorted(self._played) if self._is_complete(place)]
        since = there[self.high].first if self.high < len(there) else points.end
        return Inevitable(
            trace=points.trace,
            continuations=self._count,
            since=since,
            before=self._odds(self.low) if self.low >= 0 else None,
            odds=tuple(map(self._odds, full)),
            nothing_left=self.high >= len(there),
            settled=self._settled,
            runs=self._runs,
        )

    def _is_complete(self, place: int) -> bool:
        return len(self._outcomes(place)) == self._count and place <= self.high

    def _odds(self, place: int) -> Odds:
        point, outcomes = self._points.points[place], self._outcomes(place)
        same = outcomes.count(self._points.signature)
        others = len(outcomes) - same - outcomes.count(None)
        return Odds(point.first, point.last, len(outcomes), same, others)


def _probes(place: int, end: int) -> Iterator[int]:
    """Yield later points to probe as well: the next one, and some at equal distances."""
    if place + 1 < end:
        yield place + 1
    for part in range(1, _PROBES):
        probe = place + (end - place) * part // _PROBES
        if place + 1 < probe < end:
            yield probe
