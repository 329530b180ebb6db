"""Strategies: how a campaign searches, by the names that ``--strategy`` takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from simqueue.choices import Calm
from simqueue.choices.survey import Survey
from simqueue.errors import UsageError
from simqueue.search.planning.assignment import AsGiven, Assignment, ByPriority, FromSeed, Script
from simqueue.search.planning.exhaustive import Exhaustive
from simqueue.search.planning.plan import Independent, Plan
from simqueue.search.planning.share import Share
from simqueue.sim.run import Run

DEFAULT = "auto"
_PLAIN = ("auto", "random", "calm")
_SINGLE = ("random", "calm", "pct")
_NUMBERED = {"pct": "D", "exhaustive": "K"}
_HORIZONS = (1024, 4096, 256, 2048, 16384, 512, 8192)
"""Among how many choices ``auto`` draws the moments of probabilistic concurrency testing, in turn:
how many a run has it does not count, which would cost a run."""

_DEPTHS = (2, 2, 2, 3)
_CALM = 2

Play = Callable[[Survey], Run]
"""Plays the campaign's first seed with a survey of its choices."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy by its name, and the number that belongs to it, if any.

    ``picks`` is how many choices ``pct`` takes a run to have; 0 is to be counted.
    """

    name: str
    number: int = 0
    picks: int = 0

    @classmethod
    def named(cls, text: str) -> Strategy:
        """Return the strategy of a name such as ``"auto"``, ``"pct:3"`` or ``"pct:3:1024"``.

        Raises:
            UsageError: there is none.
        """
        read = re.fullmatch(r"([a-z]+):([1-9]\d?)(?::([1-9]\d{0,8}))?", str(text))
        if text in _PLAIN:
            return cls(text)
        if read is None or read[1] not in _NUMBERED or (read[3] and read[1] != "pct"):
            offered = [*_PLAIN, *(f"{name}:{number}" for name, number in _NUMBERED.items())]
            raise UsageError(
                f"strategy {text!r}: there is no such strategy; choose {', '.join(offered)}, with "
                "a number from 1 to 99 for a capital letter"
            )
        return cls(read[1], int(read[2]), int(read[3] or 0))

    def __str__(self) -> str:
        """Return the name that ``named`` reads."""
        numbers = [str(number) for number in (self.number, self.picks) if number]
        return ":".join([self.name, *numbers])

    def plan(self, share: Share, play: Play) -> Plan:
        """Return the plan of a campaign; ``play`` is asked for how many choices a run has."""
        match self.name:
            case "random":
                return Independent(share.numbers(), lambda _: FromSeed())
            case "calm":
                return Independent(share.numbers(), lambda _: AsGiven({}))
            case "pct":
                picks = self.picks or count_picks(play)
                script = ByPriority(self.number, picks)
                return Independent(share.numbers(), lambda _: script, [_bound(script)])
            case "exhaustive":
                return Exhaustive(self.number, share, play)
            case "auto":
                return Independent(share.numbers(), lambda number: portfolio(number - share.first))
            case _:
                raise AssertionError(self.name)

    def assignment(self, seed: int, play: Play) -> Assignment:
        """Return a single run.

        Raises:
            UsageError: what this strategy plays depends on the place among others.
        """
        if self.name not in _SINGLE:
            raise UsageError(
                f"strategy {self}: is for many runs; for one run choose random, pct:D or calm"
            )
        (assignment,) = self.plan(Share(seed, 1), play).take(1)
        return assignment


def count_picks(play: Play) -> int:
    """Return how many choices a calm run has."""
    return play(Survey(Calm())).made


def _bound(script: ByPriority) -> str:
    return (
        f"pct: in runs of {script.picks} choices a bug that {script.depth} orderings among n tasks "
        "bring about, each within the delays allowed, is met by a run with a probability of at "
        f"least 1 / (n * {script.picks}^{script.depth - 1})"
    )


def portfolio(place: int) -> Script:
    """Return what ``auto`` runs in the ``place``-th place of a campaign.

    Random runs and those by priority take turns, so that where one of the two is blind the other
    takes at most twice the runs. The third is calm: it finds what takes no timing, and costs least.
    """
    if place == _CALM:
        return AsGiven({})
    if place % 2 == 0:
        return FromSeed()
    turn = place // 2
    return ByPriority(_DEPTHS[turn % len(_DEPTHS)], _HORIZONS[turn % len(_HORIZONS)])
