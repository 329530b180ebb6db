"""A resumption: a plan some of whose runs were played before."""

from __future__ import annotations

from collections.abc import Mapping

from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.result import Result


class Resumption:
    """A plan with some known results; it hands out only the other runs.

    A plan that depends on results plans the same runs again, since it gets the same results.
    """

    def __init__(self, plan: Plan, known: Mapping[int, Result]) -> None:
        self._plan, self._known = plan, known

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs whose results are not known."""
        while planned := self._plan.take(count):
            unknown = [each for each in planned if each.number not in self._known]
            for each in planned:
                if each.number in self._known:
                    self._plan.learn(self._known[each.number])
            if unknown:
                return unknown
        return []

    def learn(self, result: Result) -> None:
        """Pass on the result of a run that was handed out."""
        self._plan.learn(result)

    def remarks(self) -> list[str]:
        """Return the plan's remarks."""
        return self._plan.remarks()
