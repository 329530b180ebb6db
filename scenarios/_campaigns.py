"""Play campaigns of one row with one strategy under the installed PgQueuer; print them as JSON.

``python -m scenarios --strategies`` calls this with the interpreter of each environment. Each
campaign ends with the first run that shows the row's bug. Other violations of invariants are
accepted when they first occur, and the run is played again, as in ``_play``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

# Run as a file, so that its directory is where modules come from.
from _rows import Row, read_rows

from simqueue import Config, Faults, Run, run
from simqueue.choices import Source
from simqueue.search.planning.assignment import Assignment, source_of
from simqueue.search.planning.share import Share
from simqueue.search.planning.strategy import Strategy
from simqueue.search.processes.workers import results_here
from simqueue.search.target import Target, load_target

SEEDS_APART = 1_003
"""The distance between campaigns' first seeds; odd, so that they begin anywhere in a cycle."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of a campaign: runs, seconds of processor time, the strategy that found the bug."""

    first: int
    runs: int
    seconds: float
    found_by: str | None


@dataclass(slots=True)
class Bench:
    """A row's scenario, and the other failures that are accepted."""

    row: Row
    target: Target
    accepted: set[str] = field(default_factory=set)

    def campaign(self, strategy: Strategy, first: int, runs: int, seconds: float) -> Spent:
        """Search for the row's bug until it is found or the budget is used up."""
        began, played, found_by = time.process_time(), 0, None
        plan = strategy.plan(Share(first, runs), lambda survey: self._play(first, lambda: survey))
        for result in results_here(self._assigned, plan):
            played += 1
            if any(map(self.row.is_hit, {result.signature or "", *result.evidence.broken})):
                found_by = result.strategy
                break
            if time.process_time() - began >= seconds:
                break
        return Spent(first, played, time.process_time() - began, found_by)

    def _assigned(self, assignment: Assignment) -> Run:
        return self._play(assignment.seed, lambda: source_of(assignment))

    def _play(self, seed: int, source: Callable[[], Source]) -> Run:
        """Play a run; play it again if another failure than the row's ends it."""
        faults = Faults.named(self.row.faults)
        while True:
            config = Config(faults=faults, accepted=tuple(sorted(self.accepted)))
            played = run(
                self.target.scenario,
                seed=seed,
                config=config,
                choices=source(),
                target=self.target.name,
            )
            failure = played.failure
            if failure is None or failure.kind != "invariant" or self.row.is_hit(failure.signature):
                return played
            self.accepted.add(failure.signature)


def main() -> None:
    """Read the options, and print a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row", help="its id")
    parser.add_argument("strategy")
    parser.add_argument("--campaigns", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    row = {row.id: row for row in read_rows()}[options.row]
    bench = Bench(row, load_target(str(row.path)))
    strategy = Strategy.named(options.strategy)
    campaigns = [
        bench.campaign(strategy, number * SEEDS_APART, options.runs, options.seconds)
        for number in range(options.campaigns)
    ]
    sys.stdout.write(f"{json.dumps([asdict(campaign) for campaign in campaigns])}\n")


if __name__ == "__main__":
    main()
