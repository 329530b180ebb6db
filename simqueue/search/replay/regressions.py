"""Plays saved failures again, to find out which of them are fixed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simqueue.errors import TraceFormatError
from simqueue.model import trace as tracefile
from simqueue.model.files import read_whole
from simqueue.model.findings import Fate
from simqueue.model.gzipped import SUFFIX, unpacked
from simqueue.model.trace import TRACE_VERSION, Trace
from simqueue.report.findings.regression import render_regression
from simqueue.search.replay.replayer import Replay, replay
from simqueue.search.saved import slug
from simqueue.sim.run import Scenario

_AFTER_SLUG = rf"-[0-9a-f]{{8}}(-\d+)?(\.small)?\.json({re.escape(SUFFIX)})?"
"""The end of a saved failure's file name, after its target."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved failure: its file, and the signature and the checksum in it."""

    path: Path
    signature: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Regression:
    """A saved failure that was played again."""

    saved: Saved
    fate: Fate
    replayed: Replay

    @property
    def failed(self) -> bool:
        """Whether it still fails and is not accepted."""
        return self.fate in ("fails", "different")

    def describe(self, file: str) -> str:
        """Return the result in one line; ``file`` is the name to print for its file."""
        return render_regression(file, self.fate, self.replayed.record)


class _Failure(msgspec.Struct):
    signature: str


class _Outcome(msgspec.Struct):
    failure: _Failure | None = None


class _Head(msgspec.Struct):
    """The part of a trace file that identifies its target; older formats have it, too."""

    target: str
    outcome: _Outcome
    version: object = None
    checksum: str = ""


def saved_failures(directory: str | os.PathLike[str], target: str) -> list[Saved]:
    """Return a target's saved failures, by file name."""
    return list(_saved(Path(directory), target))


def _saved(directory: Path, target: str) -> Iterator[Saved]:
    for path in sorted([*directory.glob("*.json"), *directory.glob(f"*.json{SUFFIX}")]):
        try:
            document = unpacked(read_whole(path))
            head = msgspec.json.decode(document, type=_Head)
        except (OSError, ValueError, RecursionError):
            # Its content names no target, but its file name may; playing it reports the problem.
            if path.name.startswith(f"{slug(target)}-"):
                yield Saved(path, "")
            continue
        if head.target == target and head.outcome.failure is not None:
            yield Saved(path, head.outcome.failure.signature, head.checksum)
        elif _is_named_after(path, target) and _is_damaged(document, head):
            yield Saved(path, "")


def _is_named_after(path: Path, target: str) -> bool:
    """Return whether a file has a name under which a failure of this target may be saved."""
    return re.fullmatch(re.escape(slug(target)) + _AFTER_SLUG, path.name) is not None


def _is_damaged(document: bytes, head: _Head) -> bool:
    """Return whether a file of this format is damaged, so that its target may be wrong."""
    if head.version != TRACE_VERSION:
        return False
    try:
        tracefile.decode(document)
    except TraceFormatError:
        return True
    return False


def play_again(saved: Saved, scenario: Scenario, accepted: Collection[str] = ()) -> Regression:
    """Play a saved failure again. ``accepted`` are the signatures of accepted failures.

    Raises:
        TraceFormatError: the file is not a whole trace of a format that this release reads.
    """
    trace = Trace.load(saved.path)
    replayed = replay(trace, scenario=scenario)
    return Regression(saved, _fate(saved, replayed, accepted), replayed)


def _fate(saved: Saved, replayed: Replay, accepted: Collection[str]) -> Fate:
    failure = replayed.run.failure
    if failure is None:
        return "passes"
    if failure.signature in accepted:
        return "accepted"
    return "fails" if failure.signature == saved.signature else "different"


def still_failing(
    signature: str,
    directory: str | os.PathLike[str],
    target: str,
    scenario: Scenario,
) -> Regression | None:
    """Return a saved failure that still fails with this signature, if there is one."""
    for saved in saved_failures(directory, target):
        if saved.signature == signature:
            try:
                regression = play_again(saved, scenario)
            except TraceFormatError:
                continue
            if regression.fate == "fails":
                return regression
    return None
