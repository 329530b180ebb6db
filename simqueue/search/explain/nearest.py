"""The nearest passing run: it makes the same choices as a failing run except one, and passes.

Of several such runs, the one that shares most events with the failing run explains it best. First
each deviation of the failing run is set back to calm. If it fails without any one of them, or has
none, one choice is set to another value, for a sample of the choices and values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Literal

from simqueue.choices import Recording
from simqueue.model.choice import Recorded
from simqueue.model.choice_key import KINDS, word_of
from simqueue.model.findings import Change, Nearest
from simqueue.model.trace import Trace
from simqueue.report.difference import first_difference
from simqueue.search.budget import Budget, SpentError
from simqueue.search.budgets import CONTINUATIONS, NEAREST_RUNS
from simqueue.search.explain.points import Point, Points, scenario_to_vary
from simqueue.search.planning.exhaustive import spread
from simqueue.search.shrink.attempts import Place, place_of
from simqueue.sim.run import Run, Scenario

_VALUES = 3
"""How many other values of a choice to try, the greatest first."""

_WITHOUT_GAIN = 60
"""After how many moves without an improvement the best run so far is the answer."""

_HALVINGS = 16

_MOVES = 200
"""How many moves may fail before runs are tried that differ in more than one choice."""

_GLANCE = 4
"""Continuations to play from a point to see whether one of them passes."""


def nearest_passing(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    budget_runs: int = NEAREST_RUNS,
    time_limit: timedelta | None = None,
    on_progress: Callable[[Nearest], object] | None = None,
) -> Nearest:
    """Find a passing run with the choices of a failing one except one, that parts from it late.

    Args:
        trace_or_path: of the failing run, best a shrunk one: among many deviations it is rarely a
            single one that decides.
        scenario: replaces the trace's target, which is looked up from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: largest number of runs to play.
        time_limit: begin no more runs after so long.
        on_progress: called after each run with the nearest run so far.

    Raises:
        DivergenceError: the trace does not fail that way when it is replayed unchanged.
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        UsageError: the trace is of a run that passed, ``budget_runs`` is less than 1, or something
            outlives the runs.
    """
    budget = Budget.of(budget_runs, time_limit)
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    budget.left -= 1  # the trace's own run, which is played whatever it costs
    points = Points(trace, scenario or scenario_to_vary(trace, "nearest.nearest_passing"))
    return _Search(points, budget, on_progress).result()


@dataclass(frozen=True, slots=True)
class _Move:
    """A choice set to another value."""

    key: str
    position: int
    value: int


_How = Literal["put_back", "moved", "continued"]
"""How a run differs from the failing one, named like the field that counts such runs."""


class _Search:
    """Plays runs that differ in one choice, and keeps the passing one that parts last."""

    def __init__(
        self,
        points: Points,
        budget: Budget,
        on_progress: Callable[[Nearest], object] | None,
    ) -> None:
        self._points, self._budget = points, budget
        self._on_progress = on_progress
        self._recorded = points.trace.recorded()
        self.nearest = Nearest(points.trace)

    def result(self) -> Nearest:
        """Search until everything was tried or the budget is spent."""
        try:
            self._put_back()
            self._approach()
            if self.nearest.passing is None:
                self._move()
            if self.nearest.passing is None:
                self._continue()
            self.nearest = replace(self.nearest, settled=True)
        except SpentError:
            pass
        self._points.check_unspoilt()
        return self.nearest

    # --- one deviation set back to calm ---

    def _put_back(self) -> None:
        for choice in reversed(self.nearest.trace.choices):
            self._try("put_back", {place_of(choice): 0})

    def _approach(self) -> None:
        """Reduce that deviation only as far as needed, so that the rest of the run differs less."""
        if self.nearest.passing is None:
            return
        choice = self.nearest.changes[0].there
        if choice is not None and KINDS[word_of(choice.key).kind].graded:
            self._close_in(_Move(choice.key, choice.position, 0), choice.value)

    # --- one choice set to another value ---

    def _move(self) -> None:
        """Set choices to other values; after a success, only choices later than that one."""
        best, vain = None, 0
        options = self._points.options()
        moves = self._moves(options, 0)
        most = min(_MOVES, self._budget.left // 2)
        while vain < (most if best is None else _WITHOUT_GAIN):
            place, move = next(moves, (0, None))
            if move is None:
                break
            vain += 1
            if self._try_moved(move):
                best, vain = move, 0
                moves = self._moves(options, place + 1)
        if best is not None and KINDS[word_of(best.key).kind].graded:
            self._close_in(best, self._recorded.get(best.key, {}).get(best.position, 0))

    def _moves(
        self, options: Sequence[tuple[str, int, int, int]], first: int
    ) -> Iterator[tuple[int, _Move]]:
        """Yield moves of the choices from the ``first`` on: evenly spread ones, then others.

        Each comes with the number of the choice.
        """
        rest = range(len(options) - first)
        places = [first + each for each in (*spread(len(rest)), 0)] if rest else []
        for rank in range(_VALUES):
            for place in places:
                key, position, of, _ = options[place]
                now = self._recorded.get(key, {}).get(position, 0)
                for value in islice(spread(of), rank, rank + 1):
                    if value != now:
                        yield place, _Move(key, position, value)

    def _close_in(self, passes: _Move, fails: int) -> None:
        """Move a value towards the one that fails, as long as the runs do not part earlier."""
        parted = self.nearest.parted
        for _ in range(_HALVINGS):
            middle = (passes.value + fails) // 2
            if middle in (passes.value, fails):
                break
            move = replace(passes, value=middle)
            if self._try_moved(move, at_least=parted):
                passes = move
            else:
                fails = middle

    def _try_moved(self, move: _Move, at_least: int | None = None) -> bool:
        return self._try("moved", {(move.key, move.position): move.value}, at_least)

    # --- fresh choices from an event on ---

    def _continue(self) -> None:
        """Look for the last point from which a run passes, and for the fewest changes it needs."""
        points = self._points.points
        low, high = -1, len(points)
        if points and self._escapes(points[0], CONTINUATIONS):
            low = max(0, self._last_shared())
        while 0 <= low < high - 1:
            middle = (low + high) // 2
            if self._escapes(points[middle], _GLANCE):
                low = max(middle, self._last_shared())
            else:
                high = middle
        if self.nearest.passing is not None:
            self._take_back(self.nearest.passing)

    def _escapes(self, point: Point, most: int) -> bool:
        for number in range(most):
            play = partial(self._points.continuation, point, number)
            if self._is_nearer("continued", play, 0):
                return True
        return False

    def _last_shared(self) -> int:
        parted = self.nearest.parted
        return sum(point.first < parted for point in self._points.points) - 1

    def _take_back(self, passing: Trace) -> None:
        """Set choices back to those of the failing run, many at once and then one by one."""
        theirs = passing.recorded()
        left = _places(self._recorded, theirs)
        size = len(left)
        while size:
            size //= 2
            start = 0
            while size and start < len(left):
                fewer = left[:start] + left[start + size :]
                values = {place: theirs.get(place[0], {}).get(place[1], 0) for place in fewer}
                if self._try("continued", values, 0):
                    left = fewer
                else:
                    start += size

    # --- one run ---

    def _try(self, how: _How, values: dict[Place, int], at_least: int | None = None) -> bool:
        picks = Recording(_with(self._recorded, values))
        return self._is_nearer(how, partial(self._points.play, picks), at_least)

    def _is_nearer(self, how: _How, play: Callable[[], Run], at_least: int | None) -> bool:
        """Return whether a run passes and parts later than the best, or from ``at_least`` on."""
        self._budget.spend()
        again = play()
        self.nearest = replace(self.nearest, **{how: getattr(self.nearest, how) + 1})
        nearer = again.passed and self._take_if_nearer(again, at_least)
        if again.failure is not None and not self._points.is_alike(again):
            self.nearest = replace(self.nearest, others=self.nearest.others + 1)
        if self._on_progress is not None:
            self._on_progress(self.nearest)
        return nearer

    def _take_if_nearer(self, again: Run, at_least: int | None) -> bool:
        parting = first_difference(self.nearest.trace, again.trace)
        assert parting is not None  # noqa: S101  one of them passed
        wanted = self.nearest.parted + 1 if at_least is None else at_least
        if self.nearest.passing is not None and parting.number < wanted:
            return False
        changes = _changes(self.nearest.trace, again.trace)
        self.nearest = replace(
            self.nearest, passing=again.trace, changes=changes, parted=parting.number
        )
        return True


def _with(recorded: Recorded, values: dict[Place, int]) -> Recorded:
    picks = {key: dict(each) for key, each in recorded.items()}
    for (key, position), value in values.items():
        picks.setdefault(key, {})[position] = value
    return {
        key: {position: value for position, value in each.items() if value}
        for key, each in picks.items()
    }


def _places(one: Recorded, other: Recorded) -> list[Place]:
    """Return where two runs choose differently."""
    places = {(key, position) for each in (one, other) for key in each for position in each[key]}
    return sorted(
        (key, position)
        for key, position in places
        if one.get(key, {}).get(position, 0) != other.get(key, {}).get(position, 0)
    )


def _changes(trace: Trace, passing: Trace) -> tuple[Change, ...]:
    there = {place_of(choice): choice for choice in trace.choices}
    here = {place_of(choice): choice for choice in passing.choices}
    places = _places(trace.recorded(), passing.recorded())
    changes = [Change(there.get(place), here.get(place)) for place in places]
    return tuple(sorted(changes, key=_when))


def _when(change: Change) -> tuple[int, str]:
    choice = change.there or change.here
    assert choice is not None  # noqa: S101  or they would not differ
    return choice.event, choice.key
