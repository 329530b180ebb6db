"""How each strategy plans a campaign."""

from __future__ import annotations

from collections.abc import Callable

from simqueue.choices import Calm
from simqueue.choices.survey import Survey
from simqueue.search.planning.assignment import AsGiven, ByPriority, FromSeed, Script
from simqueue.search.planning.exhaustive import Exhaustive
from simqueue.search.planning.plan import Independent, Plan
from simqueue.search.planning.share import Share
from simqueue.sim.run import Run

Play = Callable[[Survey], Run]
"""Plays the campaign's first seed with a survey of its choices."""

Planner = Callable[[int, int, Share, Play], Plan]
"""Takes the strategy's numbers (0 if not given), the share, and a function that plays a survey."""

_HORIZONS = (1024, 4096, 256, 2048, 16384, 512, 8192)
"""For how many choices of a run ``auto`` draws the moments of its ``pct`` runs, in turn: to count
the choices of a calm run would cost a run."""

_DEPTHS = (2, 2, 2, 3)
_CALM = 2


def plan_auto(number: int, picks: int, share: Share, play: Play) -> Plan:
    """Return runs by each strategy in turn."""
    return Independent(share.numbers(), lambda number: portfolio(number - share.first))


def portfolio(place: int) -> Script:
    """Return how ``auto`` makes the ``place``-th run of a campaign.

    Random runs and those by priority take turns, so that where one of the two is blind the other
    takes at most twice the runs. The third is calm: it finds what takes no timing, and costs least.
    """
    if place == _CALM:
        return AsGiven({})
    if place % 2 == 0:
        return FromSeed()
    turn = place // 2
    return ByPriority(_DEPTHS[turn % len(_DEPTHS)], _HORIZONS[turn % len(_HORIZONS)])


def plan_random(number: int, picks: int, share: Share, play: Play) -> Plan:
    """Return runs whose choices are drawn from their seeds."""
    return Independent(share.numbers(), lambda _: FromSeed())


def plan_pct(depth: int, picks: int, share: Share, play: Play) -> Plan:
    """Return runs by priority; without ``picks`` a calm run counts the choices."""
    script = ByPriority(depth, picks or count_picks(play))
    return Independent(share.numbers(), lambda _: script, [_bound(script)])


def count_picks(play: Play) -> int:
    """Return how many choices a calm run has."""
    return play(Survey(Calm())).made


def _bound(script: ByPriority) -> str:
    return (
        f"pct: in runs of {script.picks} choices a bug that {script.depth} orderings among n tasks "
        "bring about, each within the delays allowed, is met by a run with a probability of at "
        f"least 1 / (n * {script.picks}^{script.depth - 1})"
    )


def plan_exhaustive(most: int, picks: int, share: Share, play: Play) -> Plan:
    """Return every schedule with at most ``most`` deviations."""
    return Exhaustive(most, share, play)


def plan_calm(number: int, picks: int, share: Share, play: Play) -> Plan:
    """Return runs without deviations."""
    return Independent(share.numbers(), lambda _: AsGiven({}))
