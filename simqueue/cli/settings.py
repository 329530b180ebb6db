"""What a campaign of several targets is to do, and how its time is shared out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from simqueue.model.config import Config
from simqueue.search.campaign.known import Known


class Allowance:
    """The time that ``--time`` allows: all of it for playing, and a part more for shrinking."""

    _SHRINKING = 0.25

    def __init__(self, limit: timedelta | None) -> None:
        self._limit = None if limit is None else limit.total_seconds()
        self._began = time.perf_counter()

    def to_play(self, targets: int) -> timedelta | None:
        """Return one target's share of what is left for so many; None if there is no limit."""
        if self._limit is None:
            return None
        return timedelta(seconds=self._left(self._limit) / targets)

    def to_shrink(self, failures: int) -> timedelta | None:
        """Return how long to shrink the first of so many failures; None if there is no limit."""
        if self._limit is None:
            return None
        left = self._left(self._limit * (1 + self._SHRINKING))
        return timedelta(seconds=min(left, self._limit * self._SHRINKING) / failures)

    def _left(self, seconds: float) -> float:
        return max(0.0, self._began + seconds - time.perf_counter())


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for all targets.

    ``home`` is where the command was given: what is imported and run may change the current
    directory. ``configs`` are those of the targets by their names. ``total`` is how many runs are
    to be shown as all, None if time decides. ``options`` are those of the command line that a
    single run needs to be the same.
    """

    runs: int
    total: int | None
    seed: int
    shard: tuple[int, int]
    strategy: str
    configs: Mapping[str, Config]
    known: Known
    processes: int
    dask: str | None
    run_limit: timedelta | None
    allowance: Allowance
    state: Path
    resume: bool
    home: Path
    traces: Path
    regressions: bool
    shrink_runs: int
    options: str
