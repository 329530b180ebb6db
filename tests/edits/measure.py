"""How many saved failures survive edits, and how many are gone after a fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edits import APPLICATIONS, INNOCENT, Application, fixed
from saved import TARGET, Manner, Saved

from simqueue.search.budgets import NEARBY_RUNS
from simqueue.search.replay.replayer import Replay, replay
from simqueue.search.target import load_target

Edit = Callable[[Application], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one saved failure after one edit."""

    saved: Saved
    edit: Edit
    verdict: str
    said: str
    drifted_at: int | None
    passed: bool
    runs: int

    @classmethod
    def of(cls, saved: Saved, edit: Edit, again: Replay) -> Outcome:
        """Keep what is to be told of a replay; its events would fill the memory."""
        drifted_at = None if again.divergence is None else again.divergence.number
        runs = 1 + (again.nearby.runs if again.nearby else 0)
        verdict = _verdict(again)
        return cls(saved, edit, verdict, str(again), drifted_at, again.run.passed, runs)

    @property
    def survived(self) -> bool:
        """Whether the failure was reproduced, and by the trace's own choices."""
        return self.verdict in {"reproduced", "drifted-alike", "drifted-alike, moved"}


def _verdict(again: Replay) -> str:
    """Return the verdict, and by what a run failed alike if not by the trace as it stands."""
    nearby = again.nearby
    if nearby is None or nearby.same is None:
        return again.verdict
    return f"{again.verdict}, {'moved' if nearby.seed is None else 'by a seed'}"


@dataclass(slots=True)
class Measured:
    """All outcomes of a measurement."""

    innocent: list[Outcome] = field(default_factory=list)
    fixes: list[Outcome] = field(default_factory=list)

    @property
    def survived(self) -> float:
        """The share of replays after innocent edits that reproduced the failure."""
        return sum(each.survived for each in self.innocent) / len(self.innocent)

    @property
    def gone(self) -> float:
        """The share of replays after a fix that said that the failure is gone."""
        return sum(each.verdict == "gone" for each in self.fixes) / len(self.fixes)

    def by_edit(self) -> dict[str, Counter[str]]:
        """Count verdicts by edit."""
        counts: dict[str, Counter[str]] = {}
        for each in (*self.innocent, *self.fixes):
            counts.setdefault(each.edit.__name__, Counter())[each.verdict] += 1
        return counts

    def by_application(self) -> dict[str, Counter[str]]:
        """Count verdicts after innocent edits by application."""
        counts: dict[str, Counter[str]] = {}
        for each in self.innocent:
            counts.setdefault(each.saved.application, Counter())[each.verdict] += 1
        return counts


def measure(
    saved: tuple[Saved, ...],
    manner: Manner,
    edits: tuple[Edit, ...] = (*INNOCENT, fixed),
    nearby: int = NEARBY_RUNS,
) -> Measured:
    """Replay saved failures after each edit; files are written to the current directory."""
    measured = Measured()
    for application in APPLICATIONS:
        mine = tuple(each for each in saved if each.application == application.name)
        for outcome in _of_application(application, mine, manner, edits, nearby):
            (measured.fixes if outcome.edit is fixed else measured.innocent).append(outcome)
    return measured


def _of_application(
    application: Application,
    saved: tuple[Saved, ...],
    manner: Manner,
    edits: tuple[Edit, ...],
    nearby: int,
) -> Iterator[Outcome]:
    source = Path(TARGET.partition(":")[0])
    source.write_text(application.source, encoding="utf-8")
    traces = {}
    for number, each in enumerate(saved):
        traces[each] = Path(f"{application.name}-{number}.json")
        each.trace(application, manner).save(traces[each])
    for edit in edits:
        source.write_text(edit(application), encoding="utf-8")
        scenario = load_target(TARGET).scenario
        for each, path in traces.items():
            yield Outcome.of(each, edit, replay(path, scenario=scenario, nearby=nearby))
