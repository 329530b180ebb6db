"""The budget of a search: how many runs it may still play, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from simqueue.errors import UsageError


class SpentError(Exception):
    """No run is left, or no time."""


@dataclass(slots=True)
class Budget:
    """The number of runs that are ``left``, and the time at which none may begin any more.

    ``ends`` is a reading of ``perf_counter``, None for no limit.
    """

    left: int
    ends: float | None = None

    @classmethod
    def of(cls, budget_runs: int, time_limit: timedelta | None = None) -> Budget:
        """Return a budget that begins now.

        Raises:
            UsageError: ``budget_runs`` is less than 1.
        """
        if budget_runs < 1:
            raise UsageError(f"budget_runs must be 1 or more, not {budget_runs}")
        ends = None if time_limit is None else perf_counter() + time_limit.total_seconds()
        return cls(budget_runs, ends)

    def spend(self) -> None:
        """Take one run.

        Raises:
            SpentError: no run is left, or no time.
        """
        if not self.left or (self.ends is not None and perf_counter() >= self.ends):
            raise SpentError
        self.left -= 1
