"""Saved failures: of each application a few that seeds found, as found and shrunk.

``saved.json`` holds their choices alone. The traces are recorded anew from them each time, so that
they are of the release that is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec
from edits import APPLICATIONS, Application

from simqueue import Config, Faults, Run, Trace, shrink
from simqueue.search.target import load_target
from simqueue.sim.run import run

EACH = 9
"""How many failures there are of each application."""

TARGET = "shop.py:scenario"
"""What traces call an application, whichever it is and however it was edited."""

Manner = Literal["shrunk", "as found"]
MANNERS: tuple[Manner, ...] = get_args(Manner)

_FILE = Path(__file__).with_name("saved.json")
_BUDGET_RUNS = 300


class Saved(msgspec.Struct, frozen=True):
    """A failure: its seed, and the choices and faults that were left when it was shrunk."""

    application: str
    seed: int
    faults: tuple[str, ...]
    choices: tuple[tuple[str, int, int], ...]

    def trace(self, application: Application, manner: Manner) -> Trace:
        """Record the failure, the application being in the current directory."""
        scenario = load_target(TARGET).scenario
        if manner == "as found":
            config = Config(faults=Faults.named(application.faults))
            played = run(scenario, seed=self.seed, config=config, target=TARGET)
        else:
            recorded: dict[str, dict[int, int]] = {}
            for key, position, value in self.choices:
                recorded.setdefault(key, {})[position] = value
            config = Config(faults=Faults(self.faults))
            played = run(scenario, seed=self.seed, config=config, choices=recorded, target=TARGET)
        assert is_the_bug(played), f"{self.application}, seed {self.seed}: {NOT_ANY_MORE}"
        return played.trace


NOT_ANY_MORE = "it does not fail any more: run `python -m tests.edits --record`"


def is_the_bug(played: Run) -> bool:
    """Return whether a run failed for the claim that its scenario makes."""
    return played.failure is not None and "AssertionError:scenario:" in played.failure.signature


def load() -> tuple[Saved, ...]:
    """Return the saved failures."""
    return msgspec.json.decode(_FILE.read_bytes(), type=tuple[Saved, ...])


def record() -> None:
    """Find and shrink failures, and save them."""
    found = [each for application in APPLICATIONS for each in _found(application)]
    text = ",\n".join(msgspec.json.encode(each).decode() for each in found)
    _FILE.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def _found(application: Application) -> Iterator[Saved]:
    Path(TARGET.partition(":")[0]).write_text(application.source, encoding="utf-8")
    scenario = load_target(TARGET).scenario
    config = Config(faults=Faults.named(application.faults))
    left = EACH
    for seed in range(100_000):
        played = run(scenario, seed=seed, config=config, target=TARGET)
        if is_the_bug(played):
            shrunk = shrink(played.trace, scenario=scenario, budget_runs=_BUDGET_RUNS)
            choices = tuple((each.key, each.position, each.value) for each in shrunk.choices)
            yield Saved(application.name, seed, shrunk.config.faults.kinds, choices)
            left -= 1
        if not left:
            return
