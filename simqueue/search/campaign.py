"""A campaign: many seeds of one scenario, and one trace of each way in which they fail."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta

from simqueue.choices import Source
from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.assignment import Assignment, source_of
from simqueue.search.catalogue import moments_in
from simqueue.search.evidence import Evidence
from simqueue.search.known import Known, KnownFailure, load_known
from simqueue.search.share import Share
from simqueue.search.strategy import DEFAULT, Strategy
from simqueue.search.workers import Result, results_here, results_of_processes
from simqueue.sim.run import SEED_MAX, Run, Scenario, run


@dataclass(frozen=True, slots=True)
class Found:
    """One way in which a scenario fails: how many runs show it, and the first one's trace.

    ``number`` is that run's in the campaign, ``strategy`` how it was made: with most strategies the
    number is its seed.
    """

    signature: str
    number: int
    strategy: str
    count: int
    trace: Trace


@dataclass(frozen=True, slots=True)
class Lost:
    """A run whose process did not live to tell of it, and why."""

    number: int
    why: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"run {self.number} is lost: the process that played it {self.why}"


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
    """What came of playing many runs.

    ``failures`` are ordered by their first run. ``lost`` are runs whose process did not live to
    tell of them. ``said`` is what the strategy has to say. ``elapsed`` is real seconds.
    ``accepted`` are the known failures that occurred: a run that one of them ended neither passed
    nor failed. ``stale`` are those that did not, and ``inconclusive`` says what no run came to
    though one should have; both are empty as long as a campaign runs, and if none of its runs came
    to its end.
    """

    runs: int
    passed: int
    failures: tuple[Found, ...]
    lost: tuple[Lost, ...]
    inconclusive: tuple[str, ...]
    elapsed: float
    accepted: tuple[Accepted, ...] = ()
    stale: tuple[Accepted, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """How many runs failed in ways that are not known."""
        return sum(found.count for found in self.failures)

    def remarks(self, file: str) -> list[str]:
        """Say in a line each what is known, what ``file`` need not know, and what never came."""
        return [
            *self.said,
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
    strategy: str = DEFAULT,
    shard: tuple[int, int] = (1, 1),
    known: Known | str | os.PathLike[str] = Known(),  # noqa: B008  frozen
    until_failure: bool = False,
    on_progress: Callable[[Campaign], None] | None = None,
) -> Campaign:
    """Play many runs, numbered from ``seed`` on.

    The result is the same whatever ``processes`` is, unless time runs out.

    Args:
        scenario: an async function of one ``Simulation``.
        runs: how many to play, those of other shards included.
        seed: the first one's; most strategies go on with the next seed.
        config: what each run is allowed to do.
        processes: how many to run at a time, each in a process forked from this one.
        target: what traces call the scenario.
        time_limit: begin no more runs after this much real time.
        strategy: ``auto``, ``random``, ``pct:D``, ``exhaustive:K`` or ``calm``.
        shard: (K, N) plays the K-th of N parts of the runs.
        known: failures that are accepted, or the file that ``simqueue accept`` wrote. Those of
            ``target`` are counted and not kept; broken invariants among them end no run.
        until_failure: begin no more runs after one that fails in a way that is not known.
        on_progress: called after each run with the campaign so far.

    Raises:
        TargetError: ``scenario`` is not an async function.
        UsageError: a number makes no sense, or ``known`` cannot be read.
    """
    _check_numbers(runs, seed, processes)
    share = Share.of(seed, runs, shard)
    search = Strategy.named(strategy)
    known = known if isinstance(known, Known) else load_known(known)
    config = known.survived_by(config, target)

    def play(assignment: Assignment) -> Run:
        choices = source_of(assignment)
        return run(scenario, seed=assignment.seed, config=config, choices=choices, target=target)

    def survey(source: Source) -> Run:
        return run(scenario, seed=seed, config=config, choices=source, target=target)

    tally = _Tally(time.perf_counter(), known.of(target), Evidence(wanted=moments_in(scenario)))
    plan, accepted = search.plan(share, survey), frozenset(tally.known)
    with closing(
        results_here(play, plan, accepted)
        if processes == 1
        else results_of_processes(play, plan, processes, accepted, runs=len(share.numbers()))
    ) as results:
        for result in results:
            tally.add(result)
            if on_progress is not None:
                on_progress(tally.campaign())
            if time_limit is not None and tally.elapsed() >= time_limit.total_seconds():
                break
            if until_failure and tally.found:
                break
    return replace(tally.whole_campaign(config), said=tuple(plan.remarks()))


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
    lost: list[Lost] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    occurred: Counter[str | None] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.evidence |= result.evidence
        self.occurred.update({result.signature, *result.evidence.broken})
        if result.lost:
            self.lost.append(Lost(result.number, result.lost))
        elif result.signature is None:
            self.passed += 1
        elif result.signature in self.known:
            self.excused += 1
        else:
            self._add_failure(result.signature, result)

    def _add_failure(self, signature: str, result: Result) -> None:
        known = self.found.get(signature)
        count = 1 if known is None else known.count + 1
        if result.trace is not None and (known is None or result.number < known.number):
            self.found[signature] = Found(
                signature, result.number, result.strategy, count, result.trace
            )
        elif known is not None:
            self.found[signature] = replace(known, count=count)

    def elapsed(self) -> float:
        """Return the real seconds since the campaign began."""
        return time.perf_counter() - self.started

    def campaign(self) -> Campaign:
        """Return what came of it so far."""
        failures = tuple(sorted(self.found.values(), key=lambda found: found.number))
        return Campaign(
            runs=self.passed + self.excused + sum(found.count for found in failures),
            passed=self.passed,
            failures=failures,
            lost=tuple(sorted(self.lost, key=lambda lost: lost.number)),
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
