"""Assignments: one run of a campaign as data, which can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from simqueue.choices import Recording, Seeded, Source
from simqueue.choices.priorities import Priorities
from simqueue.model.choice import Recorded


@dataclass(frozen=True, slots=True)
class FromSeed:
    """Choices are drawn from the seed."""

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return "random"


@dataclass(frozen=True, slots=True)
class ByPriority:
    """Choices follow priorities; ``picks`` is how many a run has."""

    depth: int
    picks: int

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return f"pct:{self.depth}:{self.picks}"


@dataclass(frozen=True, slots=True)
class AsGiven:
    """Choices are these, and the others calm."""

    choices: Recorded

    def __str__(self) -> str:
        """Return the name of a strategy that makes such runs."""
        return "exhaustive" if self.choices else "calm"


Script = FromSeed | ByPriority | AsGiven
"""Where the choices of a run come from."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The ``number``-th run of a campaign: its seed, and where its choices come from."""

    number: int
    seed: int
    script: Script


def source_of(assignment: Assignment) -> Source:
    """Return what an assignment's run picks from."""
    match assignment.script:
        case FromSeed():
            return Seeded(assignment.seed)
        case ByPriority(depth, picks):
            return Priorities(assignment.seed, depth, picks)
        case AsGiven(choices):
            return Recording(choices)
        case script:
            assert_never(script)
