"""Run many seeds of one scenario under the installed PgQueuer; print the result as JSON.

``python -m scenarios`` calls this with the interpreter of each environment. All invariants are on.
Another violation than the row's is accepted when it first occurs, and the seed runs again. So it
cannot end a run before the row's bug could occur, and is counted nevertheless.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

# Run as a file, so that its directory is where modules come from.
from _rows import Row, read_rows

from simqueue import Config, Faults, Run, run
from simqueue.model.events import InvariantBroken
from simqueue.search.target import load_target


def main() -> None:
    """Read the options, and print a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", help="path/file.py:function")
    parser.add_argument("--row", help="the id of the row whose failures count", default="")
    parser.add_argument("--faults", default="none")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", action="store_true", help="stop at the first failure of the row")
    options = parser.parse_args()
    row = {row.id: row for row in read_rows()}.get(options.row)
    tally = Tally(row)
    play(options, tally)
    sys.stdout.write(f"{json.dumps(tally.as_dict())}\n")


@dataclass(slots=True)
class Tally:
    """The results of the seeds so far."""

    row: Row | None
    runs: int = 0
    simulated: float = 0.0
    started: float = field(default_factory=time.process_time)
    hits: list[int] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def elapsed(self) -> float:
        """Return the seconds of processor time since the first seed."""
        return time.process_time() - self.started

    def add(self, seed: int, played: Run) -> None:
        """Count a run."""
        self.runs += 1
        failure, row = played.failure, self.row
        events = (entry.event for entry in played.events)
        seen = {event.signature for event in events if isinstance(event, InvariantBroken)}
        if failure is not None:
            seen.add(failure.signature)
        hit = {each for each in seen if row is not None and row.is_hit(each)}
        if hit:
            self.hits.append(seed)
        self.others.update(seen - hit)

    def as_dict(self) -> dict[str, object]:
        """Return the results as plain values."""
        return {
            "runs": self.runs,
            "seconds": self.elapsed(),
            "simulated": self.simulated,
            "hits": len(self.hits),
            "first": self.hits[0] if self.hits else None,
            "others": dict(self.others),
        }


def play(options: argparse.Namespace, tally: Tally) -> None:
    """Run seeds until runs or seconds are used up, or the row's bug is found."""
    target = load_target(options.target)
    faults, accepted = Faults.named(options.faults), set[str]()
    for seed in range(options.runs):
        while tally.elapsed() < options.seconds:
            config = Config(faults=faults, accepted=tuple(sorted(accepted)))
            played = run(target.scenario, seed=seed, config=config, target=target.name)
            tally.simulated += played.simulated.total_seconds()
            failure = played.failure
            if failure is None or failure.kind != "invariant" or _counts(tally, failure.signature):
                tally.add(seed, played)
                break
            accepted.add(failure.signature)
        if tally.elapsed() >= options.seconds or (options.first and tally.hits):
            break


def _counts(tally: Tally, signature: str) -> bool:
    """Return whether a failure is the row's; for a healthy application, every failure counts."""
    return tally.row is None or tally.row.is_hit(signature)


if __name__ == "__main__":
    main()
