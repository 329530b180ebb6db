"""Orders: the campaigns to play, and how to play them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import timedelta

from simqueue.errors import TargetError, UsageError
from simqueue.model.config import Config
from simqueue.search.campaign.keeping import Keeping
from simqueue.search.campaign.known import Known
from simqueue.search.campaign.statelines import Identity, Session
from simqueue.search.planning.share import Share
from simqueue.search.planning.sometimes import fingerprint, moments_in
from simqueue.search.planning.strategies import DEFAULT
from simqueue.search.planning.strategy import Strategy
from simqueue.sim.run import SEED_MAX, Scenario, is_scenario, version_of


@dataclass(frozen=True, slots=True)
class Order:
    """A campaign to play; the fields are parameters of ``fuzz``.

    ``keeping`` records which files hold its failures, also during the campaign.
    """

    scenario: Scenario
    target: str = ""
    config: Config = Config()  # noqa: RUF009  frozen
    runs: int = 100
    seed: int = 0
    strategy: str = DEFAULT
    shard: tuple[int, int] = (1, 1)
    known: Known = Known()  # noqa: RUF009  frozen
    until_failure: bool = False
    keeping: Keeping | None = None

    def check(self) -> None:
        """Raise ``UsageError`` if a number makes no sense, or the strategy's name."""
        if self.runs < 1:
            raise UsageError(f"runs must be 1 or more, not {self.runs}")
        if not 0 <= self.seed <= SEED_MAX - self.runs + 1:
            raise UsageError(
                f"seeds must lie between 0 and {SEED_MAX}; {self.runs} of them from {self.seed} "
                "do not"
            )
        Share.of(self.seed, self.runs, self.shard)

    def identity(self) -> Identity:
        """Return the campaign's identity."""
        known, target = self.known, self.target
        return Identity(
            target,
            known.survived_by(self.config, target),
            str(Strategy.named(self.strategy)),
            self.seed,
            self.shard,
            tuple(sorted(known.of(target))),
        )

    def session(self) -> Session:
        """Return the versions and settings that this session plays the campaign with."""
        return Session(
            simqueue=version_of("simqueue"),
            pgqueuer=version_of("pgqueuer"),
            python=platform.python_version(),
            source=fingerprint(self.scenario),
            wanted=moments_in(self.scenario),
            known=tuple(self.known.of(self.target).values()),
            known_file=self.known.file,
            runs=self.runs,
        )


@dataclass(frozen=True, slots=True)
class Means:
    """How campaigns are played; the fields are parameters of ``fuzz``.

    ``capture`` is whether the output of runs is captured.
    """

    processes: int = 1
    dask: str | None = None
    time_limit: timedelta | None = None
    run_limit: timedelta | None = None
    state: str | None = None
    resume: bool = False
    capture: bool = False

    @property
    def in_this_process(self) -> bool:
        """Whether the process of the campaign plays its runs itself."""
        return self.processes == 1 and self.run_limit is None

    def is_over(self, seconds: float) -> bool:
        """Return whether the time is over after ``seconds`` of real time."""
        return self.time_limit is not None and seconds >= self.time_limit.total_seconds()

    def check(self, order: Order) -> None:
        """Raise ``UsageError`` if an order cannot be played so."""
        if self.processes < 1:
            raise UsageError(f"processes must be 1 or more, not {self.processes}")
        if self.dask is None:
            return
        if self.processes != 1:
            raise UsageError(
                "processes and dask exclude each other: set parallelism with the number of Dask "
                "workers"
            )
        if not order.target:
            raise UsageError("dask needs target='path/file.py:function': workers load it by name")
        if not is_scenario(order.scenario):
            raise TargetError(order.target, "is not an `async def` function of one Simulation")
