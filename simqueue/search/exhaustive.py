"""Exhaustive search: every schedule with at most so many deviations from calm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from simqueue.choices import OPTIONS_OF_A_SECOND, Recording
from simqueue.choices.survey import Options, Survey
from simqueue.model.choice import Recorded
from simqueue.search.assignment import AsGiven, Assignment
from simqueue.search.share import Share
from simqueue.search.workers import Result
from simqueue.sim.run import Run

Deviation = tuple[str, int, int]
"""A key, a position and the value that is picked there."""

_SECOND_US = 1_000_000
_WIDEST = 1 << 16
"""Values of more options are drawn data, of which no search tries all."""


class Exhaustive:
    """Plans every set of at most ``most`` deviations, fewer before more.

    What can deviate is only known once a run has got there. So each set that may still grow is
    played once more by ``play``, with every pick written down; such a survey is no run of the
    campaign. All runs have the campaign's first seed. A set is reached by adding its deviations in
    any order, and is run once.
    """

    def __init__(self, most: int, share: Share, play: Callable[[Survey], Run]) -> None:
        self._most, self._share, self._play = most, share, play
        self._wide: set[str] = set()
        self._taken = self._passed = self._lost = 0
        this, of = share.shard
        self._sets = islice(self._all_sets(), this - 1, None, of)

    def take(self, count: int) -> list[Assignment]:
        """Return the next sets."""
        numbers = self._share.numbers()[self._taken :]
        sets = islice(self._sets, min(count, len(numbers)))
        first = self._share.first
        taken = [
            Assignment(number, first, AsGiven(_recorded(each)))
            for each, number in zip(sets, numbers, strict=False)
        ]
        self._taken += len(taken)
        return taken

    def learn(self, result: Result) -> None:
        """Count a run that was carried out: what can deviate is found out by surveys."""
        self._passed += 1
        self._lost += bool(result.lost)

    def remarks(self) -> list[str]:
        """Say whether the bound is covered."""
        this, of = self._share.shard
        part = "" if of == 1 else f", part {this} of {of}"
        deviations = "1 deviation" if self._most == 1 else f"{self._most} deviations"
        bound = f"schedules with at most {deviations} from calm{part}"
        done = self._passed - self._lost
        if done < self._taken or next(self._sets, None) is not None:
            return [f"not covered: {done} {bound} were run, and there are more"]
        but = f"; values of {', '.join(sorted(self._wide))} stayed 0" if self._wide else ""
        return [f"covered: all {done} {bound}{but}"]

    def _all_sets(self) -> Iterator[frozenset[Deviation]]:
        """Yield every set of deviations once, small ones first."""
        level = [frozenset[Deviation]()]
        yield level[0]
        for size in range(1, self._most + 1):
            seen: set[frozenset[Deviation]] = set()
            for parent in level:
                for deviation in self._deviations(parent):
                    child = parent | {deviation}
                    if child not in seen:
                        seen.add(child)
                        yield child
            level = sorted(seen, key=sorted) if size < self._most else []

    def _deviations(self, parent: frozenset[Deviation]) -> Iterator[Deviation]:
        """Yield what could deviate in a run that deviates so, the widest values first."""
        taken = {(key, position) for key, position, _ in parent}
        options = [each for each in self._options(parent) if each[:2] not in taken]
        widest = max((n for _, _, n in options), default=0)
        for value in _spread(widest):
            for key, position, n in options:
                if value < n:
                    yield key, position, value

    def _options(self, parent: frozenset[Deviation]) -> list[Options]:
        survey = Survey(Recording(_recorded(parent)))
        run = self._play(survey)
        seconds = run.outcome.simulated // _SECOND_US
        found = survey.options + [
            (key, second, OPTIONS_OF_A_SECOND) for key in survey.leapt for second in range(seconds)
        ]
        self._wide.update(key for key, _, n in found if n > _WIDEST)
        return [each for each in found if each[2] <= _WIDEST]


def _recorded(deviations: frozenset[Deviation]) -> Recorded:
    found: Recorded = {}
    for key, position, value in sorted(deviations):
        found.setdefault(key, {})[position] = value
    return found


def _spread(n: int) -> Iterator[int]:
    """Yield ``1 .. n-1``, the last first and then ever finer, so that any part of it is spread."""
    if n > 1:
        yield n - 1
    step = 1 << max(0, (n - 1).bit_length() - 1)
    seen = {n - 1, 0}
    while step:
        for value in range(step, n, step):
            if value not in seen:
                seen.add(value)
                yield value
        step //= 2
