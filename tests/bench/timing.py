"""Two ways to do the same work, in turns in one process: how they compare."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

Work = Callable[[], float]
"""Does the work once and returns what it cost, in seconds of processor time."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: ``ours`` against ``theirs``.

    ``at_least`` is the ratio theirs / ours that is promised, if one is, ``aim`` what is aimed at.
    """

    what: str
    against: str
    ours: Work
    theirs: Work
    at_least: float | None
    aim: float | None = None
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row came to: median costs in seconds, and the ratio round by round."""

    row: Row
    ours_s: float
    theirs_s: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast as theirs ours is, the median of the rounds."""
        return statistics.median(self.ratios)


def measure(row: Row, rounds: int) -> Measured:
    """Do both once unmeasured, then in turns, beginning with either every other round."""
    row.ours(), row.theirs()
    ours, theirs = [], []
    for number in range(row.rounds or rounds):
        pair = [(ours, row.ours), (theirs, row.theirs)]
        for costs, work in pair if number % 2 else reversed(pair):
            gc.collect()
            costs.append(work())
    ratios = tuple(b / a for a, b in zip(ours, theirs, strict=True))
    return Measured(row, statistics.median(ours), statistics.median(theirs), ratios)


def timed(work: Callable[[], object]) -> Work:
    """Return work that costs what a call of ``work`` takes."""

    def once() -> float:
        began = process_time()
        work()
        return process_time() - began

    return once
