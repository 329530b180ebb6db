"""Plays candidates with fewer or smaller choices, and keeps the best that fails the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simqueue.model.choice import Choice
from simqueue.model.config import Config
from simqueue.search.budget import Budget
from simqueue.sim.run import Run

Place = tuple[str, int]
"""The key of a choice and its position there."""

_Identity = tuple[frozenset[tuple[str, int, int]], Config]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The choices and the config of a run to play; the choices are in the order of the run."""

    choices: tuple[Choice, ...]
    config: Config

    def identity(self) -> _Identity:
        """Return what decides the run; the times of the choices do not."""
        picked = ((choice.key, choice.position, choice.value) for choice in self.choices)
        return frozenset(picked), self.config


def place_of(choice: Choice) -> Place:
    """Return what identifies a choice among those of a run."""
    return choice.key, choice.position


class Attempts:
    """Plays candidates, each once, and continues from the last that failed the same way.

    ``play`` returns None for a run that was lost, which does not count as the same failure.

    ``simplest`` is the run of that candidate, and ``best`` holds the choices that it requested: a
    dropped choice may have been the only reason for others. ``others`` are the signatures of other
    failures, in the order in which they occurred.
    """

    def __init__(
        self,
        play: Callable[[Candidate], Run | None],
        first: Run,
        budget: Budget,
        on_run: Callable[[Attempts], object],
    ) -> None:
        self._play, self._on_run = play, on_run
        self._signature = _signature(first)
        self._known: dict[_Identity, bool] = {}
        self._budget = budget
        self.others: dict[str, None] = {}
        self._adopt(first)

    def adopt(self, choices: Iterable[Choice], config: Config | None = None) -> bool:
        """Return whether a run with these choices fails the same way; if so, it becomes the best.

        Raises:
            SpentError: it was not played before, and the budget is spent.
        """
        candidate = Candidate(tuple(choices), config or self.best.config)
        identity = candidate.identity()
        if identity in self._known:
            return identity == self.best.identity()
        self._budget.spend()
        played = self._play(candidate)
        same = played is not None and _signature(played) == self._signature
        self._known[identity] = same
        if played is not None and same:
            self._adopt(played)
        elif played is not None and played.failure is not None:
            self.others[played.failure.signature] = None
        self._on_run(self)
        return same

    @property
    def left(self) -> int:
        """Number of runs that are left."""
        return self._budget.left

    def is_minimal(self) -> bool:
        """Return whether each choice is known to be needed for the failure."""
        choices = self.best.choices
        return all(
            self._known.get(
                Candidate(_without(choices, {place_of(each)}), self.best.config).identity()
            )
            is False
            for each in choices
        )

    def without(self, places: Iterable[Place]) -> bool:
        """Try to drop the choices at these places."""
        return self.adopt(_without(self.best.choices, set(places)))

    def with_values(self, values: dict[Place, int]) -> bool:
        """Try other values at these places; 0 drops the choice."""
        changed = (
            valued(each, values.get(place_of(each), each.value)) for each in self.best.choices
        )
        return self.adopt(each for each in changed if each.value)

    def at(self, place: Place) -> Choice | None:
        """Return the choice at a place, None if it was dropped."""
        return next((each for each in self.best.choices if place_of(each) == place), None)

    def _adopt(self, played: Run) -> None:
        self.simplest = played
        self.best = Candidate(played.choices, played.config)
        self._known[self.best.identity()] = True


def _signature(played: Run) -> str | None:
    return None if played.failure is None else played.failure.signature


def _without(choices: Iterable[Choice], places: set[Place]) -> tuple[Choice, ...]:
    return tuple(each for each in choices if place_of(each) not in places)


def valued(choice: Choice, value: int) -> Choice:
    """Return a choice with another value."""
    return Choice(choice.key, choice.position, value, choice.of, choice.at, choice.event)
