"""A whole run in one document."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.ids import Duration

TRACE_VERSION = 2

Recorded = dict[str, dict[int, int]]
"""What was picked: per key (who asked, and for what) the picks that were not 0, by position.

0 is what a calm system does: these are the run's deviations from calm, and ``{}`` is calm itself.
"""


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended, after ``steps`` loop steps and ``simulated`` microseconds."""

    passed: bool
    steps: int
    simulated: Duration
    failure: Failure | None = None


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``simqueue replay`` needs to make a run happen again, and what it compares with.

    ``digest`` covers events, drawn randomness, clock readings and outcome; ``checksum`` covers
    every other field of the file, so that a damaged one is noticed.
    """

    format: Literal["simqueue-trace"]
    version: int
    simqueue: str
    pgqueuer: str
    python: str
    target: str
    seed: int
    config: Config
    choices: Recorded
    events: tuple[Entry, ...]
    outcome: Outcome
    digest: str
    checksum: str

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace file; raises ``TraceFormatError`` unless it is whole and undamaged."""
        from simqueue.model import tracefile  # it is built on this module

        return tracefile.load(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a trace file whole or not at all; raises ``UsageError`` if that is impossible."""
        from simqueue.model import tracefile

        tracefile.save(self, path)
