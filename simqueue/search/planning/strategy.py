"""A strategy as ``--strategy`` names it: a row of the table, and its numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simqueue.errors import UsageError
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.share import Share
from simqueue.search.planning.strategies import STRATEGIES, STRATEGY_OF, Play, Row

_NAME = re.compile(r"([a-z][a-z-]*)(?::([1-9]\d?))?(?::([1-9]\d{0,8}))?")


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy by its name, and the number that belongs to it, if any.

    ``picks`` is the number of choices that ``pct`` expects of a run; 0: it counts them.
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
        read = _NAME.fullmatch(str(text))
        row = None if read is None else STRATEGY_OF.get(read[1])
        if read is None or row is None or not _fits(row, read[2], read[3]):
            offered = ", ".join(row.usage for row in STRATEGIES)
            raise UsageError(
                f"strategy {text!r}: there is no such strategy; choose {offered}, with a number "
                "from 1 to 99 for a capital letter"
            )
        return cls(read[1], int(read[2] or 0), int(read[3] or 0))

    def __str__(self) -> str:
        """Return the name that ``named`` reads."""
        numbers = [str(number) for number in (self.number, self.picks) if number]
        return ":".join([self.name, *numbers])

    def plan(self, share: Share, play: Play) -> Plan:
        """Return the plan of a campaign; ``play`` plays a run whose choices are counted."""
        return STRATEGY_OF[self.name].plan(self.number, self.picks, share, play)

    def assignment(self, seed: int, play: Play) -> Assignment:
        """Return a single run.

        Raises:
            UsageError: the runs of this strategy depend on their place in a campaign.
        """
        if not STRATEGY_OF[self.name].for_one_run:
            *names, last = (row.usage for row in STRATEGIES if row.for_one_run)
            raise UsageError(
                f"strategy {self}: is for many runs; for one run choose {', '.join(names)} or "
                f"{last}"
            )
        (assignment,) = self.plan(Share(seed, 1), play).take(1)
        return assignment


def _fits(row: Row, number: str | None, picks: str | None) -> bool:
    """Return whether a strategy takes the numbers that follow its name."""
    return bool(number) == bool(row.letter) and (not picks or row.takes_picks)
