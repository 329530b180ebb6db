"""Assignments: one run of a campaign as data, which other processes can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simqueue.choices import Recording, Seeded, Source
from simqueue.choices.priorities import Priorities
from simqueue.model.choice import Recorded


class Script(Protocol):
    """Where the choices of a run come from: data that can be compared and pickled."""

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        ...

    def source(self, seed: int) -> Source:
        """Return the source of the choices of a run with this seed."""
        ...


@dataclass(frozen=True, slots=True)
class FromSeed:
    """Choices are drawn from the seed."""

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return "random"

    def source(self, seed: int) -> Source:
        """Return random choices."""
        return Seeded(seed)


@dataclass(frozen=True, slots=True)
class ByPriority:
    """Choices follow priorities; ``picks`` is the number of choices of a run."""

    depth: int
    picks: int

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return f"pct:{self.depth}:{self.picks}"

    def source(self, seed: int) -> Source:
        """Return choices that follow the priorities which the seed draws."""
        return Priorities(seed, self.depth, self.picks)


@dataclass(frozen=True, slots=True)
class AsGiven:
    """The given choices; all others are calm."""

    choices: Recorded

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return "exhaustive" if self.choices else "calm"

    def source(self, seed: int) -> Source:
        """Return the given choices."""
        return Recording(self.choices)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The ``number``-th run of a campaign: its seed, and where its choices come from."""

    number: int
    seed: int
    script: Script


def source_of(assignment: Assignment) -> Source:
    """Return the source of the choices of an assignment's run."""
    return assignment.script.source(assignment.seed)
