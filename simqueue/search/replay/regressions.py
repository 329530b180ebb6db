"""Regressions: failures that were saved are played again, to see which of them are fixed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

import msgspec

from simqueue.errors import TraceFormatError
from simqueue.model import trace as tracefile
from simqueue.model.files import read_whole
from simqueue.model.gzipped import SUFFIX, unpacked
from simqueue.model.trace import TRACE_VERSION, Trace
from simqueue.search.replay.replayer import Replay, replay
from simqueue.search.saved import slug
from simqueue.sim.run import Scenario

_AFTER_SLUG = rf"-[0-9a-f]{{8}}(-\d+)?(\.small)?\.json({re.escape(SUFFIX)})?"
"""What the name of a saved failure has after its target."""

Fate = Literal["fails", "accepted", "different", "passes"]
"""What became of a saved failure.

``fails``      it still fails alike
``accepted``   it fails alike, or in another way, and that is known
``different``  it fails in another way
``passes``     it does not fail any more
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved failure: its file, and the signature and the checksum that this states."""

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
        """Whether it is one that nobody accepted."""
        return self.fate in ("fails", "different")

    def describe(self, file: str) -> str:
        """Say in a line what became of it; ``file`` is what its file is called there."""
        match self.fate:
            case "fails":
                return f"{file} still fails: {self.replayed}"
            case "accepted":
                return f"{file} still fails, which is accepted: {self.replayed}"
            case "different":
                return f"{file} fails in another way: {self.replayed}"
            case "passes":
                return f"{file} {self._passes()}: remove it if you agree ({self.replayed})"
            case _:
                assert_never(self.fate)

    def _passes(self) -> str:
        match self.replayed.verdict:
            case "gone":
                return "is fixed"
            case "not-reproduced":
                return "passes alone"
            case _:
                return "passes now"


class _Failure(msgspec.Struct):
    signature: str


class _Outcome(msgspec.Struct):
    failure: _Failure | None = None


class _Head(msgspec.Struct):
    """As much of a trace file as tells whose it is; older formats have it, too."""

    target: str
    outcome: _Outcome
    version: object = None
    checksum: str = ""


def saved_failures(directory: str | os.PathLike[str], target: str) -> list[Saved]:
    """Return a target's saved failures, by file name."""
    return list(_found(Path(directory), target))


def _found(directory: Path, target: str) -> Iterator[Saved]:
    for path in sorted([*directory.glob("*.json"), *directory.glob(f"*.json{SUFFIX}")]):
        try:
            document = unpacked(read_whole(path))
            head = msgspec.json.decode(document, type=_Head)
        except (OSError, ValueError, RecursionError):
            # It does not say whose it is, but its name may; to play it is to hear what is wrong.
            if path.name.startswith(f"{slug(target)}-"):
                yield Saved(path, "")
            continue
        if head.target == target and head.outcome.failure is not None:
            yield Saved(path, head.outcome.failure.signature, head.checksum)
        elif _is_named_after(path, target) and _is_damaged(document, head):
            yield Saved(path, "")


def _is_named_after(path: Path, target: str) -> bool:
    """Return whether a failure of a target would be saved as a file; others may be, too."""
    return re.fullmatch(re.escape(slug(target)) + _AFTER_SLUG, path.name) is not None


def _is_damaged(document: bytes, head: _Head) -> bool:
    """Return whether a file of this format is damaged, so that it may be of another target."""
    if head.version != TRACE_VERSION:
        return False
    try:
        tracefile.decode(document)
    except TraceFormatError:
        return True
    return False


def play_again(saved: Saved, scenario: Scenario, accepted: Collection[str] = ()) -> Regression:
    """Play a saved failure again. ``accepted`` are signatures of failures that are known.

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
    """Return a saved failure that still fails with a signature, if there is one."""
    for saved in saved_failures(directory, target):
        if saved.signature == signature:
            try:
                regression = play_again(saved, scenario)
            except TraceFormatError:
                continue
            if regression.fate == "fails":
                return regression
    return None
