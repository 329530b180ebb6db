"""A whole run in one document."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from simqueue.model.bounds import Duration, Position
from simqueue.model.choice import Choice, Recorded, by_key
from simqueue.model.config import Config
from simqueue.model.failure import Failure
from simqueue.model.log import Entries

TRACE_VERSION = 3


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended, after ``steps`` loop steps and ``simulated`` microseconds."""

    passed: bool
    steps: Position
    simulated: Duration
    failure: Failure | None = None


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``simqueue replay`` needs to make a run happen again, and what it compares with.

    ``choices`` are in the order in which they were made.
    ``digest`` covers events, drawn randomness, clock readings and outcome; ``checksum`` covers
    every other field of the file, so that a damaged one is noticed.

    Example:
        >>> simqueue.run(broken, seed=bad_seed).trace.save("trace.json")
        >>> trace = simqueue.Trace.load("trace.json")
        >>> trace.seed == bad_seed, trace.outcome.passed
        (True, False)
    """

    format: Literal["simqueue-trace"]
    version: int
    simqueue: str
    pgqueuer: str
    python: str
    target: str
    seed: Position
    config: Config
    choices: tuple[Choice, ...]
    events: Entries
    outcome: Outcome
    digest: str
    checksum: str

    def recorded(self) -> Recorded:
        """Return the choices by key and position, as a run takes them."""
        return by_key(self.choices)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace file; raises ``TraceFormatError`` unless it is whole and undamaged."""
        from simqueue.model import tracefile  # it is built on this module

        return tracefile.load(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a trace file whole or not at all; raises ``UsageError`` if that is impossible."""
        from simqueue.model import tracefile

        tracefile.save(self, path)
