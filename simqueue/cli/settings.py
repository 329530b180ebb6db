"""What `simqueue fuzz` is to do with each of its targets, and how its time is shared out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simqueue.model.config import Config
from simqueue.search.campaign.known import Known

if TYPE_CHECKING:
    from simqueue.search.campaign.keeping import Keeping
    from simqueue.search.campaign.order import Means, Order
    from simqueue.search.target import Target


class Allowance:
    """The time that ``--time`` allows: all of it for playing, and a quarter more for shrinking."""

    _SHRINKING = 0.25

    def __init__(self, limit: timedelta | None) -> None:
        self._limit = None if limit is None else limit.total_seconds()
        self._began = time.perf_counter()

    def to_play(self, parts: int) -> timedelta | None:
        """Return the time left, divided by ``parts``; None if there is no limit."""
        if self._limit is None:
            return None
        return timedelta(seconds=self._left(self._limit) / parts)

    def to_shrink(self, failures: int) -> timedelta | None:
        """Return how long to shrink the next of ``failures``; None if there is no limit."""
        if self._limit is None:
            return None
        left = self._left(self._limit * (1 + self._SHRINKING))
        return timedelta(seconds=min(left, self._limit * self._SHRINKING) / failures)

    def _left(self, seconds: float) -> float:
        return max(0.0, self._began + seconds - time.perf_counter())


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that all targets share.

    ``home`` is the directory that the command was started in: the user's code may change the
    current one. ``configs`` are those of the targets by their names. ``total`` is how many runs of
    a target are announced, None if time decides. ``capture`` is whether what runs print is
    captured. ``options`` are those of the command line that a single run needs to be the same.
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
    capture: bool
    options: str

    def order(self, target: Target, keeping: Keeping | None = None) -> Order:
        """Return which campaign of a target is to be played."""
        from simqueue.search.campaign.order import Order

        return Order(
            scenario=target.scenario,
            target=target.name,
            config=self.configs[target.name],
            runs=self.runs,
            seed=self.seed,
            strategy=self.strategy,
            shard=self.shard,
            known=self.known,
            keeping=keeping,
        )

    def means(self, parts: int) -> Means:
        """Return how campaigns are played; they get the time left, divided by ``parts``."""
        from simqueue.search.campaign.order import Means

        return Means(
            processes=self.processes,
            dask=self.dask,
            time_limit=self.allowance.to_play(parts),
            run_limit=self.run_limit,
            state=str(self.state),
            resume=self.resume,
            capture=self.capture,
        )
