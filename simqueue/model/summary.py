"""A summary: what `simqueue fuzz` and `simqueue merge` found, as one document for other programs.

Fields are only added as long as ``version`` stays.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SUMMARY_VERSION = 1
FORMAT: Final = "simqueue-summary"
MEASURES_TIME: Final = ("elapsed_s",)
"""Fields of a target that differ each time.

In all others a campaign that was killed and resumed equals one that was not.
"""


class FoundFailure(msgspec.Struct, frozen=True):
    """One way in which a target failed.

    ``count`` runs did; the first was the campaign's run ``number``, made by ``strategy`` with
    ``seed``. ``trace`` is the file it is saved in, null if it could not be; ``again`` the command
    that repeats it, ``story`` what happened in it.
    """

    signature: str
    kind: str
    message: str
    where: str
    count: int
    number: int
    seed: int
    strategy: str
    trace: str | None
    again: str
    story: str


class AcceptedFailure(msgspec.Struct, frozen=True):
    """A failure that is known, why it is accepted, and in how many runs it occurred."""

    signature: str
    reason: str
    count: int


class LostRun(msgspec.Struct, frozen=True):
    """A run whose process ended before it reported the result, and why."""

    number: int
    why: str


class SavedFailure(msgspec.Struct, frozen=True):
    """A failure that had been saved before, played again.

    ``fate`` is ``fails`` (in the same way), ``different`` (it fails in another way), ``accepted``
    or ``passes``; ``unreadable`` if it could not be played. ``said`` is the same in words.
    """

    trace: str
    signature: str
    fate: Literal["fails", "accepted", "different", "passes", "unreadable"]
    said: str
    story: str = ""


class TargetSummary(msgspec.Struct, frozen=True):
    """The result of one target.

    ``shard`` is [K, N], [0, N] for shards that were merged. ``failed`` counts runs that failed in
    ways that are not known. ``inconclusive`` lists expected events that no run reached, and missing
    parts of the campaign; ``remarks`` holds other messages. ``elapsed_s`` is real seconds, the sum
    over all completed sessions and shards. ``status`` is the exit status that this target deserves
    alone.
    """

    target: str
    strategy: str
    first_seed: int
    shard: tuple[int, int]
    status: int
    runs: int
    passed: int
    failed: int
    elapsed_s: float
    interrupted: bool = False
    failures: tuple[FoundFailure, ...] = ()
    saved: tuple[SavedFailure, ...] = ()
    accepted: tuple[AcceptedFailure, ...] = ()
    lost: tuple[LostRun, ...] = ()
    inconclusive: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Summary(msgspec.Struct, frozen=True):
    """The document: ``status`` is the command's exit status."""

    simqueue: str
    pgqueuer: str
    python: str
    status: int
    targets: tuple[TargetSummary, ...]
    format: Literal["simqueue-summary"] = FORMAT
    version: int = SUMMARY_VERSION


def encode(summary: Summary) -> bytes:
    """Return the JSON document, indented, with a newline at its end.

    What cannot be written in UTF-8, bytes of the names of files, is escaped.
    """
    try:
        document = msgspec.json.encode(summary)
    except UnicodeEncodeError:
        document = msgspec.json.encode(_escaped(msgspec.to_builtins(summary)))
    return msgspec.json.format(document, indent=2) + b"\n"


def _escaped(value: object) -> object:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {key: _escaped(each) for key, each in value.items()}
        case list() | tuple():
            return [_escaped(each) for each in value]
    return value
