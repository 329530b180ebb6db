"""Attempts: whether a run of fewer or smaller choices still fails alike, so often at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from simqueue.model.choice import Choice
from simqueue.model.config import Config
from simqueue.sim.run import Run

Place = tuple[str, int]
"""The key of a choice and its position there."""

_Identity = tuple[frozenset[tuple[str, int, int]], Config]


class SpentError(Exception):
    """There is no run left to spend, or no time."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a run is to be played with; choices are in the order in which they were made."""

    choices: tuple[Choice, ...]
    config: Config

    def identity(self) -> _Identity:
        """Return what decides the run: not when the choices were made."""
        picked = ((choice.key, choice.position, choice.value) for choice in self.choices)
        return frozenset(picked), self.config


def place_of(choice: Choice) -> Place:
    """Return what tells a choice from all others of a run."""
    return choice.key, choice.position


class Attempts:
    """Plays candidates, none twice, and goes on from the last that failed alike.

    ``best`` is what the run of that candidate, ``simplest``, really asked for: what was left out
    may have been the only reason for other choices. ``others`` are the signatures of other
    failures that were met, in the order in which they were.
    """

    def __init__(
        self,
        play: Callable[[Candidate], Run],
        first: Run,
        budget_runs: int,
        ends: float | None,
        on_run: Callable[[Attempts], object],
    ) -> None:
        self._play, self._on_run = play, on_run
        self._signature = _signature(first)
        self._known: dict[_Identity, bool] = {}
        self.left = budget_runs
        self._ends = ends
        self.others: dict[str, None] = {}
        self._adopt(first)

    def adopt(self, choices: Iterable[Choice], config: Config | None = None) -> bool:
        """Return whether a run of these choices fails alike; if so, it is the best from now on.

        Raises:
            SpentError: it was not tried before, and no run or no time is left.
        """
        candidate = Candidate(tuple(choices), config or self.best.config)
        identity = candidate.identity()
        if identity in self._known:
            return identity == self.best.identity()
        if not self.left or (self._ends is not None and perf_counter() >= self._ends):
            raise SpentError
        self.left -= 1
        played = self._play(candidate)
        alike = self._known[identity] = _signature(played) == self._signature
        if alike:
            self._adopt(played)
        elif played.failure is not None:
            self.others[played.failure.signature] = None
        self._on_run(self)
        return alike

    def is_minimal(self) -> bool:
        """Return whether it is known of each choice that the failure goes away without it."""
        choices = self.best.choices
        return all(
            self._known.get(
                Candidate(_without(choices, {place_of(each)}), self.best.config).identity()
            )
            is False
            for each in choices
        )

    def without(self, places: Iterable[Place]) -> bool:
        """Try to leave out the choices at these places."""
        return self.adopt(_without(self.best.choices, set(places)))

    def with_values(self, values: dict[Place, int]) -> bool:
        """Try other values at these places, 0 being none."""
        changed = (
            valued(each, values.get(place_of(each), each.value)) for each in self.best.choices
        )
        return self.adopt(each for each in changed if each.value)

    def at(self, place: Place) -> Choice | None:
        """Return the choice at a place, if it still is there."""
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
