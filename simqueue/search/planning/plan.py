"""Plans: which run of a campaign comes next, given what came of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from simqueue.search.planning.assignment import Assignment, Script
from simqueue.search.planning.result import Result


class Plan(Protocol):
    """Hands out the runs of a campaign, and learns their results."""

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs, ``count`` at most; none when it has ended or waits for results."""
        ...

    def learn(self, result: Result) -> None:
        """Take in the result of a run that was handed out."""
        ...

    def remarks(self) -> list[str]:
        """Return the plan's remarks, a line each."""
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
        """Return the remarks that the plan was made with."""
        return self._remarks
