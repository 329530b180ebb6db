"""Plans: which run of a campaign comes next, given what came of the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from simqueue.model.choice import Recorded
from simqueue.search.assignment import Assignment, FromSeed, Mutant, Script
from simqueue.search.workers import Result

_BATCH_MIN, _BATCH_MAX = 2, 16
"""Runs are planned in batches, from what came of all batches but the last two: so a plan does not
depend on how many processes carry it out, and none of them waits for long. Batches are small at
first, so that short campaigns are guided, too."""

_LAG = 2
_CORPUS_MAX = 512


class Plan(Protocol):
    """Hands out the runs of a campaign, and hears what came of them."""

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs, ``count`` at most; none when it has ended or waits for results."""
        ...

    def learn(self, result: Result) -> None:
        """Take in what came of a run that was handed out."""
        ...

    def remarks(self) -> list[str]:
        """Say in a line each what the plan can tell of itself."""
        ...


class Independent:
    """Runs that do not depend on each other: one script for all, or one chosen by number."""

    def __init__(
        self, numbers: Iterable[int], script: Callable[[int], Script], remarks: Iterable[str] = ()
    ) -> None:
        self._numbers = iter(numbers)
        self._script = script
        self._remarks = list(remarks)

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs: numbers are seeds."""
        numbers = islice(self._numbers, count)
        return [Assignment(number, number, self._script(number)) for number in numbers]

    def learn(self, result: Result) -> None:
        """Take in nothing."""

    def remarks(self) -> list[str]:
        """Say what the plan was made with."""
        return self._remarks


@dataclass(slots=True)
class _Batch:
    """Runs that were planned together, and what came of them, by number."""

    waiting: int
    results: dict[int, Result] = field(default_factory=dict)


class Guided:
    """Runs that vary those which came to something new.

    ``fresh(number)`` is the script of a run that varies no other, None of one that does.
    """

    def __init__(self, numbers: Iterable[int], fresh: Callable[[int], Script | None]) -> None:
        self._numbers = iter(numbers)
        self._fresh = fresh
        self._planned: deque[Assignment] = deque()
        self._batches: deque[_Batch] = deque()
        self._begun = 0
        self._batch_of: dict[int, _Batch] = {}
        self._seen: set[int] = set()
        self._corpus: deque[tuple[int, Recorded]] = deque(maxlen=_CORPUS_MAX)

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs; none while the batch before the last is not finished."""
        if not self._planned:
            self._plan()
        return [self._planned.popleft() for _ in range(min(count, len(self._planned)))]

    def _plan(self) -> None:
        if len(self._batches) >= _LAG:
            if self._batches[0].waiting:
                return
            self._take_in(self._batches.popleft())
        size = min(_BATCH_MAX, _BATCH_MIN << self._begun // _LAG)
        numbers = list(islice(self._numbers, size))
        if not numbers:
            return
        self._begun += 1
        batch = _Batch(len(numbers))
        self._batches.append(batch)
        for number in numbers:
            self._batch_of[number] = batch
            self._planned.append(self._assignment(number))

    def _assignment(self, number: int) -> Assignment:
        script = self._fresh(number)
        if script is not None:
            return Assignment(number, number, script, explores=True)
        if not self._corpus:
            return Assignment(number, number, FromSeed(), explores=True)
        seed, base = self._corpus[_mixed(number) % len(self._corpus)]
        return Assignment(number, seed, Mutant(base, number), explores=True)

    def learn(self, result: Result) -> None:
        """Take in what came of a run, when its batch is whole."""
        batch = self._batch_of.pop(result.number)
        batch.results[result.number] = result
        batch.waiting -= 1

    def _take_in(self, batch: _Batch) -> None:
        """Keep the runs that came to something new, in the order of their numbers."""
        for _, result in sorted(batch.results.items()):
            if result.news is not None and not self._seen.issuperset(result.news.states):
                self._seen |= result.news.states
                self._corpus.append((result.news.seed, result.news.choices))

    def remarks(self) -> list[str]:
        """Say how much of the queue's states was seen."""
        return []


def _mixed(number: int) -> int:
    """Return a number that has nothing to do with the one given, and always the same."""
    return (number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 40
