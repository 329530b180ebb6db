"""The nearest passing run: it picks what a failing run does but for one choice, and passes.

Of such runs the one is wanted that shares most of the log, so that what it does otherwise is all
that matters. First each deviation of the failing run is put back to calm. If it fails without any
one of them, or has none, one pick is moved to another value: some of those that could be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Literal

from simqueue.choices import Recording
from simqueue.errors import UsageError
from simqueue.model.choice import Choice, Recorded
from simqueue.model.choice_key import KINDS, word_of
from simqueue.model.trace import Trace
from simqueue.report.difference import first_difference
from simqueue.search.budgets import CONTINUATIONS, NEAREST_RUNS
from simqueue.search.explain.points import Point, Points, scenario_to_vary
from simqueue.search.planning.exhaustive import spread
from simqueue.search.shrink.attempts import Place, SpentError, place_of
from simqueue.sim.run import Run, Scenario

_VALUES = 3
"""How many other values of a pick are tried, the greatest first."""

_IN_VAIN = 60
"""How many moves may bring nothing before the best so far is taken for the nearest."""

_HALVINGS = 16

_MOVES = 200
"""How many moves may fail before runs are tried that differ in more than one pick."""

_GLANCE = 4
"""So many continuations tell whether a run still gets away from a point."""


@dataclass(frozen=True, slots=True)
class Change:
    """A pick that two runs make differently: ``there`` one, ``here`` the other; None is calm."""

    there: Choice | None
    here: Choice | None


@dataclass(frozen=True, slots=True)
class Nearest:
    """A failing run, the passing run that is most like it, and what it took to find that.

    Attributes:
        trace: of the failing run, as it is played now.
        passing: the other run, None if none was found.
        changes: what the failing run picks ``there`` and the passing one ``here``, which is as near
            as passes; a single one, unless no run that differs in one pick was found to pass.
        parted: the number of the first event that they do not share.
        put_back: how many runs were played with a deviation put back to calm.
        moved: how many with a pick moved to another value.
        continued: how many that went on with fresh picks from some event, or lacked some of those.
        others: how many of all these failed in another way than the trace.
        settled: False if the runs or the time ended before all was tried that is worth it.
    """

    trace: Trace
    passing: Trace | None = None
    changes: tuple[Change, ...] = ()
    parted: int = 0
    put_back: int = 0
    moved: int = 0
    continued: int = 0
    others: int = 0
    settled: bool = False

    @property
    def runs(self) -> int:
        """How many runs were played, that of the trace included."""
        return 1 + self.put_back + self.moved + self.continued


def nearest_passing(
    trace_or_path: Trace | str | os.PathLike[str],
    *,
    scenario: Scenario | None = None,
    budget_runs: int = NEAREST_RUNS,
    time_limit: timedelta | None = None,
    on_progress: Callable[[Nearest], object] | None = None,
) -> Nearest:
    """Find a run that passes, makes all choices of a failing one but one, and parts from it late.

    Args:
        trace_or_path: of the failing run, best a shrunk one: of many deviations seldom one decides.
        scenario: stands in for the trace's target, which is found from the current directory, and
            run only if it is a ``*.py`` file below it or a module that can be imported.
        budget_runs: how often the scenario may be run.
        time_limit: begin no more runs after so long.
        on_progress: called after each run with the nearest so far.

    Raises:
        DivergenceError: the trace does not fail like that when replayed as it stands.
        TraceFormatError: the file is not a whole, undamaged trace.
        TargetError: the trace's scenario cannot be found, or lies elsewhere.
        UsageError: the trace is of a run that passed, ``budget_runs`` is less than 1, or something
            outlives the runs.
    """
    if budget_runs < 1:
        raise UsageError(f"budget_runs must be 1 or more, not {budget_runs}")
    trace = trace_or_path if isinstance(trace_or_path, Trace) else Trace.load(trace_or_path)
    ends = None if time_limit is None else perf_counter() + time_limit.total_seconds()
    points = Points(trace, scenario or scenario_to_vary(trace, "nearest.nearest_passing"))
    return _Search(points, budget_runs - 1, ends, on_progress).carried_out()


@dataclass(frozen=True, slots=True)
class _Move:
    """A pick at another value."""

    key: str
    position: int
    value: int


_How = Literal["put_back", "moved", "continued"]
"""What a run does otherwise, by the field that counts such runs."""


class _Search:
    """Plays runs that differ in one choice, and keeps the passing one that parts last."""

    def __init__(
        self,
        points: Points,
        left: int,
        ends: float | None,
        on_progress: Callable[[Nearest], object] | None,
    ) -> None:
        self._points, self._left, self._ends = points, left, ends
        self._on_progress = on_progress
        self._recorded = points.trace.recorded()
        self.found = Nearest(points.trace)

    def carried_out(self) -> Nearest:
        """Search until nothing is left to try or to spend."""
        try:
            self._put_back()
            self._approach()
            if self.found.passing is None:
                self._move()
            if self.found.passing is None:
                self._continue()
            self.found = replace(self.found, settled=True)
        except SpentError:
            pass
        self._points.check_unspoilt()
        return self.found

    # --- one deviation less ---

    def _put_back(self) -> None:
        for choice in reversed(self.found.trace.choices):
            self._try("put_back", {place_of(choice): 0})

    def _approach(self) -> None:
        """Put the one that was back only as far as it takes: what follows is all the more alike."""
        if self.found.passing is None:
            return
        choice = self.found.changes[0].there
        if choice is not None and KINDS[word_of(choice.key).kind].graded:
            self._close_in(_Move(choice.key, choice.position, 0), choice.value)

    # --- one pick moved ---

    def _move(self) -> None:
        """Move picks, from then on only those that come after the last one that made it pass."""
        found, vain = None, 0
        options = self._points.options()
        moves = self._moves(options, 0)
        most = min(_MOVES, self._left // 2)
        while vain < (most if found is None else _IN_VAIN):
            place, move = next(moves, (0, None))
            if move is None:
                break
            vain += 1
            if self._try_moved(move):
                found, vain = move, 0
                moves = self._moves(options, place + 1)
        if found is not None and KINDS[word_of(found.key).kind].graded:
            self._close_in(found, self._recorded.get(found.key, {}).get(found.position, 0))

    def _moves(
        self, options: Sequence[tuple[str, int, int, int]], first: int
    ) -> Iterator[tuple[int, _Move]]:
        """Yield moves of picks from the ``first`` on: evenly spread ones, then between those.

        Each comes with the number of the pick.
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
        """Move a pick towards the value with which the run fails, as long as it parts no sooner."""
        parted = self.found.parted
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

    # --- fresh picks from an event on ---

    def _continue(self) -> None:
        """Look for the last point from which a run gets away, and for what that takes at least."""
        points = self._points.points
        low, high = -1, len(points)
        if points and self._gets_away(points[0], CONTINUATIONS):
            low = max(0, self._last_shared())
        while 0 <= low < high - 1:
            middle = (low + high) // 2
            if self._gets_away(points[middle], _GLANCE):
                low = max(middle, self._last_shared())
            else:
                high = middle
        if self.found.passing is not None:
            self._take_back(self.found.passing)

    def _gets_away(self, point: Point, most: int) -> bool:
        for number in range(most):
            play = partial(self._points.continuation, point, number)
            if self._judged("continued", play, 0):
                return True
        return False

    def _last_shared(self) -> int:
        parted = self.found.parted
        return sum(point.first < parted for point in self._points.points) - 1

    def _take_back(self, passing: Trace) -> None:
        """Let picks be as in the failing run again, many at once and then one by one."""
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
        return self._judged(how, partial(self._points.play, picks), at_least)

    def _judged(self, how: _How, play: Callable[[], Run], at_least: int | None) -> bool:
        """Return whether a run passes and parts later than the best, or not before ``at_least``."""
        if not self._left or (self._ends is not None and perf_counter() >= self._ends):
            raise SpentError
        self._left -= 1
        again = play()
        self.found = replace(self.found, **{how: getattr(self.found, how) + 1})
        better = again.passed and self._is_better(again, at_least)
        if again.failure is not None and not self._points.is_alike(again):
            self.found = replace(self.found, others=self.found.others + 1)
        if self._on_progress is not None:
            self._on_progress(self.found)
        return better

    def _is_better(self, again: Run, at_least: int | None) -> bool:
        parting = first_difference(self.found.trace, again.trace)
        assert parting is not None  # noqa: S101  one of them passed
        wanted = self.found.parted + 1 if at_least is None else at_least
        if self.found.passing is not None and parting.number < wanted:
            return False
        changes = _changes(self.found.trace, again.trace)
        self.found = replace(
            self.found, passing=again.trace, changes=changes, parted=parting.number
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
    """Return where two runs pick differently."""
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
    found = [Change(there.get(place), here.get(place)) for place in places]
    return tuple(sorted(found, key=_when))


def _when(change: Change) -> tuple[int, str]:
    choice = change.there or change.here
    assert choice is not None  # noqa: S101  or they would not differ
    return choice.event, choice.key
