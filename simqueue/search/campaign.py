"""A campaign: many seeds of one scenario, and one trace of each way in which they fail."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from simqueue.errors import UsageError
from simqueue.model.choice import Recorded
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.catalogue import moments_in
from simqueue.search.evidence import Evidence
from simqueue.search.known import Known, KnownFailure, load_known
from simqueue.search.workers import Result, results_here, results_of_processes
from simqueue.sim.run import SEED_MAX, Run, Scenario, run

Strategy = Literal["random", "calm"]
"""Where choices come from: the seed, or all are 0 and the seed decides randomness alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """One way in which a scenario fails: how many seeds show it, and the first one's run."""

    signature: str
    seed: int
    count: int
    trace: Trace


@dataclass(frozen=True, slots=True)
class Accepted:
    """A failure that is known, and in how many runs it occurred."""

    signature: str
    reason: str
    count: int

    def __str__(self) -> str:
        """Return the signature and the reason, in one line."""
        return " ".join(f"{self.signature} ({self.reason})".split())


@dataclass(frozen=True, slots=True)
class Campaign:
    """What came of running many seeds.

    ``failures`` are ordered by their first seed. ``lost`` are seeds whose process was killed while
    it ran them. ``elapsed`` is real seconds. ``accepted`` are the known failures that occurred: a
    run that one of them ended neither passed nor failed. ``stale`` are those that did not, and
    ``inconclusive`` says what no run came to though one should have; both are empty as long as a
    campaign runs, and if none of its runs came to its end.
    """

    runs: int
    passed: int
    failures: tuple[Found, ...]
    lost: tuple[int, ...]
    inconclusive: tuple[str, ...]
    elapsed: float
    accepted: tuple[Accepted, ...] = ()
    stale: tuple[Accepted, ...] = ()

    @property
    def failed(self) -> int:
        """How many runs failed in ways that are not known."""
        return sum(found.count for found in self.failures)

    def remarks(self, file: str) -> list[str]:
        """Say in a line each what is known, what ``file`` need not know, and what never came."""
        return [
            *(f"{each.count} x accepted: {each}" for each in self.accepted),
            *(
                f"known failure {each} did not occur in {self.runs} runs: if it is fixed, remove "
                f"it from {file}"
                for each in self.stale
            ),
            *(f"inconclusive: {missing}" for missing in self.inconclusive),
        ]

    @property
    def seeds_per_second(self) -> float:
        """Runs per real second."""
        return self.runs / self.elapsed if self.elapsed else 0.0


def fuzz(
    scenario: Scenario,
    *,
    runs: int = 100,
    seed: int = 0,
    config: Config = Config(),  # noqa: B008  frozen
    processes: int = 1,
    target: str = "",
    time_limit: timedelta | None = None,
    strategy: Strategy = "random",
    known: Known | str | os.PathLike[str] = Known(),  # noqa: B008  frozen
    until_failure: bool = False,
    on_progress: Callable[[Campaign], None] | None = None,
) -> Campaign:
    """Run the seeds ``seed .. seed + runs - 1``.

    The result is the same whatever ``processes`` is, unless time runs out.

    Args:
        scenario: an async function of one ``Simulation``.
        runs: how many seeds to run.
        seed: the first of them.
        config: what each run is allowed to do.
        processes: how many to run at a time, each in a process forked from this one.
        target: what traces call the scenario.
        time_limit: begin no more runs after this much real time.
        strategy: where the choices come from.
        known: failures that are accepted, or the file that ``simqueue accept`` wrote. Those of
            ``target`` are counted and not kept; broken invariants among them end no run.
        until_failure: begin no more runs after one that fails in a way that is not known.
        on_progress: called after each run with the campaign so far.

    Raises:
        TargetError: ``scenario`` is not an async function.
        UsageError: a number makes no sense, or ``known`` cannot be read.
    """
    _check_numbers(runs, seed, processes)
    known = known if isinstance(known, Known) else load_known(known)
    config = known.survived_by(config, target)
    choices: Recorded | None = {} if strategy == "calm" else None

    def play(number: int) -> Run:
        return run(scenario, seed=number, config=config, choices=choices, target=target)

    tally = _Tally(time.perf_counter(), known.of(target), Evidence(wanted=moments_in(scenario)))
    seeds, accepted = range(seed, seed + runs), frozenset(tally.known)
    with closing(
        results_here(play, seeds, accepted)
        if processes == 1
        else results_of_processes(play, seeds, processes, accepted)
    ) as results:
        for result in results:
            tally.add(result)
            if on_progress is not None:
                on_progress(tally.campaign())
            if time_limit is not None and tally.elapsed() >= time_limit.total_seconds():
                break
            if until_failure and tally.found:
                break
    return tally.whole_campaign(config)


def _check_numbers(runs: int, seed: int, processes: int) -> None:
    if runs < 1:
        raise UsageError(f"runs must be 1 or more, not {runs}")
    if processes < 1:
        raise UsageError(f"processes must be 1 or more, not {processes}")
    if not 0 <= seed <= SEED_MAX - runs + 1:
        raise UsageError(
            f"seeds must lie between 0 and {SEED_MAX}; {runs} of them from {seed} do not"
        )


@dataclass(slots=True)
class _Tally:
    """A campaign while it runs; results may come in any order."""

    started: float
    known: dict[str, KnownFailure]
    evidence: Evidence
    passed: int = 0
    excused: int = 0
    lost: list[int] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    occurred: Counter[str | None] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.evidence |= result.evidence
        self.occurred.update({result.signature, *result.evidence.broken})
        if result.lost:
            self.lost.append(result.seed)
        elif result.signature is None:
            self.passed += 1
        elif result.signature in self.known:
            self.excused += 1
        else:
            self._add_failure(result.signature, result)

    def _add_failure(self, signature: str, result: Result) -> None:
        known = self.found.get(signature)
        count = 1 if known is None else known.count + 1
        if result.trace is not None and (known is None or result.seed < known.seed):
            self.found[signature] = Found(signature, result.seed, count, result.trace)
        elif known is not None:
            self.found[signature] = replace(known, count=count)

    def elapsed(self) -> float:
        """Return the real seconds since the campaign began."""
        return time.perf_counter() - self.started

    def campaign(self) -> Campaign:
        """Return what came of it so far."""
        failures = tuple(sorted(self.found.values(), key=lambda found: found.seed))
        return Campaign(
            runs=self.passed + self.excused + sum(found.count for found in failures),
            passed=self.passed,
            failures=failures,
            lost=tuple(sorted(self.lost)),
            inconclusive=(),
            elapsed=self.elapsed(),
            accepted=tuple(each for each in self._accepted() if each.count),
        )

    def whole_campaign(self, config: Config) -> Campaign:
        """Return what came of it, and what did not: of that, runs cut short tell nothing."""
        if not self.passed:
            return self.campaign()
        return replace(
            self.campaign(),
            inconclusive=self.evidence.missing(config),
            stale=tuple(each for each in self._accepted() if not each.count),
        )

    def _accepted(self) -> list[Accepted]:
        return [
            Accepted(signature, failure.reason, self.occurred[signature])
            for signature, failure in sorted(self.known.items())
        ]
