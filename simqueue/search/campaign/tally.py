"""A tally: counts the results of a campaign's runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.campaign.known import KnownFailure
from simqueue.search.planning.coverage import Evidence
from simqueue.search.planning.result import Result
from simqueue.sim.text.descriptions import ADVICE, OUTLIVES


@dataclass(frozen=True, slots=True)
class Found:
    """One way in which a scenario fails: how many runs show it, and the first one's trace.

    ``number`` is that run's number in the campaign, ``strategy`` how it was made: with most
    strategies the number is its seed. ``printed`` is the end of its output, if that was captured.
    """

    signature: str
    number: int
    strategy: str
    count: int
    trace: Trace
    printed: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A run whose process ended before it reported the result, and why."""

    number: int
    why: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"run {self.number} is lost: the process that played it {self.why}"


@dataclass(frozen=True, slots=True)
class Again:
    """A run that was played twice, because the first process was killed from outside."""

    number: int
    why: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"run {self.number} was played again: the first process {self.why}"


@dataclass(frozen=True, slots=True)
class Leak:
    """A run that failed after others and ends differently when played alone.

    ``what`` is the state that outlives the runs. ``passes`` is whether the run passes alone, or
    fails in another way.
    """

    number: int
    what: str
    passes: bool

    @property
    def verdict(self) -> str:
        """How the run ends alone."""
        return "passes alone" if self.passes else "fails in another way alone"

    def __str__(self) -> str:
        """Return the finding and the advice in one line."""
        return (
            f"{self.verdict}: {OUTLIVES}: {self.what} (run {self.number} fails after others): "
            f"{ADVICE}"
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A known failure, and the number of runs in which it occurred."""

    signature: str
    reason: str
    count: int

    def __str__(self) -> str:
        """Return the signature and the reason, in one line."""
        return " ".join(f"{self.signature} ({self.reason})".split())


@dataclass(frozen=True, slots=True)
class Campaign:
    """The result of many runs.

    ``failures`` are ordered by their first run. ``lost`` are runs whose process ended before it
    reported them. ``said`` holds remarks of the strategy and of the campaign's state. ``opening``
    says how this session began. ``elapsed`` is real seconds, in which all but ``resumed`` runs were
    played: those are from that state. ``again`` are runs that were played again because a process
    was killed from outside. ``accepted`` are the known failures that occurred: a run that one of
    them ended neither passed nor failed. ``stale`` are those that did not. ``leaks`` name state
    that outlives the runs, if a failure showed it. ``inconclusive`` holds them, too, and expected
    events that no run had. Those, and ``stale``, are empty while a campaign runs, and if none of
    its runs passed.

    Example:
        >>> campaign = simqueue.fuzz(broken, runs=20)
        >>> [failure.signature.split(":")[:2] for failure in campaign.failures]
        [['exception', 'AssertionError']]
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
    resumed: int = 0
    leaks: tuple[Leak, ...] = ()
    opening: tuple[str, ...] = ()
    again: tuple[Again, ...] = ()

    @property
    def failed(self) -> int:
        """How many runs failed in ways that are not known."""
        return sum(failure.count for failure in self.failures)

    def remarks(self, file: str) -> list[str]:
        """Return a line for each known failure, stale entry of ``file`` and missing moment."""
        return [
            *self.opening,
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
        return (self.runs - self.resumed) / self.elapsed if self.elapsed else 0.0


@dataclass(slots=True)
class Tally:
    """A campaign while it runs; results may come in any order.

    Of the results with one signature, the first has a trace. ``elapsed`` returns the real seconds
    that the campaign has taken.
    """

    elapsed: Callable[[], float]
    known: dict[str, KnownFailure]
    evidence: Evidence
    leaks: dict[str, Leak] = field(default_factory=dict)
    passed: int = 0
    excused: int = 0
    resumed: int = 0
    lost_in_a_row: int = 0
    lost: list[Lost] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    failures: dict[str, Found] = field(default_factory=dict)
    occurred: Counter[str | None] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.evidence |= result.evidence
        self.occurred.update({result.signature, *result.evidence.broken})
        self.lost_in_a_row = self.lost_in_a_row + 1 if result.lost else 0
        if result.leaked:
            leak = Leak(result.number, result.leaked, passes=result.signature is None)
            self.leaks.setdefault(result.leaked, leak)
        if result.killed and not result.lost:
            self.again.append(Again(result.number, result.killed))
        if result.lost:
            self.lost.append(Lost(result.number, result.lost))
        elif result.signature is None:
            self.passed += 1
        elif result.signature in self.known:
            self.excused += 1
        else:
            self._add_failure(result.signature, result)

    def resume(self, results: Iterable[Result]) -> None:
        """Count the results in a campaign's state."""
        for result in results:
            self.add(result)
            self.resumed += not result.lost
        self.lost_in_a_row = 0

    def _add_failure(self, signature: str, result: Result) -> None:
        known = self.failures.get(signature)
        count = 1 if known is None else known.count + 1
        if result.trace is not None and (known is None or result.number < known.number):
            self.failures[signature] = Found(
                signature, result.number, result.strategy, count, result.trace, result.printed
            )
        elif known is not None:
            self.failures[signature] = replace(known, count=count)

    def campaign(self) -> Campaign:
        """Return its result so far."""
        failures = tuple(sorted(self.failures.values(), key=lambda failure: failure.number))
        return Campaign(
            runs=self.passed + self.excused + sum(failure.count for failure in failures),
            passed=self.passed,
            failures=failures,
            lost=tuple(sorted(self.lost, key=lambda lost: lost.number)),
            inconclusive=tuple(map(str, self.leaks.values())),
            elapsed=self.elapsed(),
            leaks=tuple(self.leaks.values()),
            again=tuple(sorted(self.again, key=lambda again: again.number)),
            accepted=tuple(each for each in self._accepted() if each.count),
            resumed=self.resumed,
        )

    def whole_campaign(self, config: Config) -> Campaign:
        """Return its result, with the expected events that no run had, unless no run passed."""
        if not self.passed:
            return self.campaign()
        campaign = self.campaign()
        return replace(
            campaign,
            inconclusive=(*campaign.inconclusive, *self.evidence.missing(config)),
            stale=tuple(each for each in self._accepted() if not each.count),
        )

    def _accepted(self) -> list[Accepted]:
        return [
            Accepted(signature, failure.reason, self.occurred[signature])
            for signature, failure in sorted(self.known.items())
        ]
