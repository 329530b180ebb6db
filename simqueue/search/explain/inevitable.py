"""When a failure became inevitable: the event after which it comes whatever is picked, as measured.

From an event on a run is continued so many times: up to the event with the picks of the trace, and
with fresh ones afterwards, first calm, then drawn from seeds. A continuation that passes, or fails
in another way, proves that until the event nothing was decided: it is itself a continuation from
every earlier one. That all of them fail alike proves nothing, but makes it likely.

So the answer is a pair of neighbours: the last point from which a continuation got away, and the
point after that, from which none did. Later points are probed as well, lest luck has the last word.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from time import perf_counter

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.search.budgets import CONTINUATIONS, INEVITABLE_RUNS
from simqueue.search.explain.points import Points, scenario_to_vary
from simqueue.search.shrink.attempts import SpentError
from simqueue.sim.run import Scenario

_GLANCE = 3
"""So many continuations tell where it is worth to play all of them."""

_PROBES = 4
"""How many later points are probed, the next one among them."""

_ROWS = 8
"""Of how many points the odds are told."""

_DEVIATIONS = 2
"""Of how many deviations, the last ones, it is told what the odds were before and after."""


@dataclass(frozen=True, slots=True)
class Odds:
    """What became of the continuations from the events ``first`` to ``last``.

    Between those nothing was picked, so it does not matter from which. ``first`` is -1 where the
    run begins. ``alike`` of ``played`` failed as the trace did, ``others`` in other ways.
    """

    first: int
    last: int
    played: int
    alike: int
    others: int

    @property
    def passed(self) -> int:
        """How many passed."""
        return self.played - self.alike - self.others


@dataclass(frozen=True, slots=True)
class Inevitable:
    """Since when a failure could not be averted, and what it took to find out.

    Attributes:
        trace: of the run, as it is played now; events are numbered as there.
        continuations: how many runs were played from each point that counts.
        since: the first event after which all of them failed alike; -1 if they do from the start,
            and as many as the trace has events if a pick after the last one decided.
        before: the odds right before, from where one got away; None if there is no such point.
        odds: those of some points, in order: the start, those around the last deviations, some
            between which they change, and at last the point itself.
        nothing_left: after the event ``since`` nothing was picked any more: it was open to the end.
        settled: False if the runs or the time ended before it was known; ``since`` is then an event
            after which it was inevitable, but perhaps not the first one.
        runs: how many were played, that of the trace included.
    """

    trace: Trace
    continuations: int
    since: int
    before: Odds | None
    odds: tuple[Odds, ...]
    nothing_left: bool
    settled: bool
    runs: int


def inevitable(
    trace_or_path: Trace | str | os.PathLike[str],
    continuations: int = CONTINUATIONS,
    *,
    scenario: Scenario | None = None,
    budget_runs: int = INEVITABLE_RUNS,
    time_limit: timedelta | None = None,
    on_progress: Callable[[Inevitable], object] | None = None,
) -> Inevitable:
    """Find the earliest event after which a failing run fails alike, whatever is picked later.

    The answer is the same each time, unless ``time_limit`` cuts the search short.

    Args:
        trace_or_path: must end in a failure, whose ``signature`` is what has to come again.
        continuations: how many runs to play from a point before it is believed, 2 or more; the
            first goes on calmly, the others draw their choices, faults included, from seeds.
        scenario: stands in for the trace's target, which is found from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: how often the scenario may be run.
        time_limit: begin no more runs after so long.
        on_progress: called after each run with what is known so far.

    Raises:
        DivergenceError: the trace does not fail like that when replayed as it stands.
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        UsageError: the trace is of a run that passed, a number is too small, or something outlives
            the runs.
    """
    if continuations < _FEWEST:
        raise UsageError(f"continuations must be {_FEWEST} or more, not {continuations}")
    if budget_runs < 1:
        raise UsageError(f"budget_runs must be 1 or more, not {budget_runs}")
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    ends = None if time_limit is None else perf_counter() + time_limit.total_seconds()
    points = Points(trace, scenario or scenario_to_vary(trace, "inevitable.inevitable"))
    search = _Search(points, continuations, budget_runs - 1, ends, on_progress)
    return search.carried_out()


_FEWEST = 2


class _Search:
    """Closes in on the point from two sides.

    ``low`` is the last point from which a continuation is known to have got away, -1 being none.
    ``high`` is the first after it from which all failed that were played; where nothing is left to
    pick, behind the last point, no run has to tell that.
    """

    def __init__(
        self,
        points: Points,
        continuations: int,
        left: int,
        ends: float | None,
        on_progress: Callable[[Inevitable], object] | None,
    ) -> None:
        self._points, self._count = points, continuations
        self._left, self._budget, self._ends = left, left, ends
        self._on_progress = on_progress
        self._played: dict[int, list[str | None]] = {}
        self._settled = False
        self.low, self.high = -1, len(points.points)

    def carried_out(self) -> Inevitable:
        """Search until it is known, or nothing is left to spend."""
        try:
            self._close_in(min(_GLANCE, self._count))
            while not self._settled:
                self._confirm()
                self._settled = True
                self._even_out()  # One of these runs may get away later than all before.
        except SpentError:
            pass
        self._points.check_unspoilt()
        return self.told()

    # --- the search ---

    def _close_in(self, count: int) -> None:
        """Halve what lies between the two sides, by so many continuations of each point."""
        while self.high - self.low > 1:
            middle = (self.low + self.high) // 2
            if self._holds(middle, count):
                self.high = middle

    def _confirm(self) -> None:
        """Play all continuations, from the first point that may be it and from some later ones."""
        end = len(self._points.points)
        while True:
            low = self.low
            self._climb()
            if all(self._holds(probe, self._count) for probe in _probes(self.high, end)):
                return
            assert self.low > low  # noqa: S101  what got away did so after the point

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
        """Return whether so many continuations from a point fail alike, up to one that does not."""
        if place <= self.low:
            return False
        if place >= len(self._points.points):
            return True
        for number in range(count):
            if number < len(self._outcomes(place)):
                continue  # It failed alike, or this point was not asked about.
            if not self._play(place, number):
                return False
        return True

    def _play(self, place: int, number: int) -> bool:
        """Return whether a continuation fails alike.

        One that does not may tell of later points, too: as far as it picks what this run did.
        """
        if not self._left or (self._ends is not None and perf_counter() >= self._ends):
            raise SpentError
        self._left -= 1
        again = self._points.continuation(self._points.points[place], number)
        ended = None if again.failure is None else again.failure.signature
        self._outcomes(place).append(ended)
        alike = ended == self._points.signature
        if not alike:
            self.low = max(self.low, place, self._points.shared(again))
            if self.low >= self.high:
                self.high, self._settled = self.low + 1, False
        if self._on_progress is not None:
            self._on_progress(self.told())
        return alike

    def _outcomes(self, place: int) -> list[str | None]:
        return self._played.setdefault(place, [])

    # --- the odds ---

    def _even_out(self) -> None:
        """Play all continuations of the points that are told, and of some where the odds change."""
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
        """Return the places of the start, of the two neighbours, and around the last deviations."""
        there, places = self._points.points, [0, self.low, self.high]
        picked = dict.fromkeys(choice.event for choice in reversed(self._points.run.choices))
        for event in list(picked)[:_DEVIATIONS]:
            before = sum(point.first < event for point in there) - 1
            places += [before, before + 1]
        return sorted({place for place in places if 0 <= place < min(len(there), self.high + 1)})

    def _widest(self, places: list[int]) -> int | None:
        """Return the middle of the places between which the odds change most, if there is any."""
        found = [
            (abs(self._alike(one) - self._alike(other)), other - one, (one + other) // 2)
            for one, other in pairwise(places)
            if other - one > 1
        ]
        change, _, middle = max(found, default=(0, 0, None))
        return middle if change else None

    def _fill(self, place: int) -> None:
        for number in range(len(self._outcomes(place)), self._count):
            self._play(place, number)

    def _alike(self, place: int) -> int:
        return self._outcomes(place).count(self._points.signature)

    # --- what is told ---

    def told(self) -> Inevitable:
        """Return what is known so far."""
        points, there = self._points, self._points.points
        full = [place for place in sorted(self._played) if self._is_told(place)]
        since = there[self.high].first if self.high < len(there) else points.end
        return Inevitable(
            trace=points.trace,
            continuations=self._count,
            since=since,
            before=self._odds(self.low) if self.low >= 0 else None,
            odds=tuple(map(self._odds, full)),
            nothing_left=self.high >= len(there),
            settled=self._settled,
            runs=1 + self._budget - self._left,
        )

    def _is_told(self, place: int) -> bool:
        return len(self._outcomes(place)) == self._count and place <= self.high

    def _odds(self, place: int) -> Odds:
        point, outcomes = self._points.points[place], self._outcomes(place)
        alike = outcomes.count(self._points.signature)
        others = len(outcomes) - alike - outcomes.count(None)
        return Odds(point.first, point.last, len(outcomes), alike, others)


def _probes(place: int, end: int) -> Iterator[int]:
    """Yield the points after one that are looked at as well: the next, and some in even steps."""
    if place + 1 < end:
        yield place + 1
    for part in range(1, _PROBES):
        probe = place + (end - place) * part // _PROBES
        if place + 1 < probe < end:
            yield probe
