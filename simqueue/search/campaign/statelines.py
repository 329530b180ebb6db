"""The lines of a campaign's state."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec

from simqueue.model.bounds import Position
from simqueue.model.config import Config
from simqueue.model.trace import TRACE_VERSION
from simqueue.search.campaign.known import KnownFailure
from simqueue.search.planning.result import Result
from simqueue.search.saved import slug

FORMAT: Final = "simqueue-campaign"
STATE_VERSION = 2
SUFFIX = ".jsonl"
_SHARDS_END = 1_000_000
_SECONDS_MAX = 1e9


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The identity of a campaign: with equal identities, equal numbers are equal runs.

    ``accepted`` are the signatures of failures whose traces are not kept.
    """

    target: str
    config: Config
    strategy: str
    seed: Position
    shard: tuple[Position, Position]
    accepted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for an impossible shard; 0 stands for all of them."""
        this, of = self.shard
        if not 0 <= this <= of or not 1 <= of < _SHARDS_END:
            raise ValueError(f"there is no shard {this}/{of}")

    def includes(self, number: int, runs: int) -> bool:
        """Return whether a run belongs to this shard of a campaign of ``runs`` runs."""
        this, of = self.shard
        place = number - self.seed
        return 0 <= place < runs and place % of == this - 1

    def whole(self) -> Identity:
        """Return the identity that all shards of the campaign share, with their number only."""
        return msgspec.structs.replace(self, shard=(0, self.shard[1]))

    def file_name(self) -> str:
        """Return the name of its file; other shards' names differ only in the last part."""
        this, of = self.shard
        shared = msgspec.json.encode(self.whole(), order="deterministic")
        part = "" if of == 1 else f"-{this}of{of}"
        return f"{slug(self.target)}-{blake2b(shared, digest_size=4).hexdigest()}{part}{SUFFIX}"


class Header(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="campaign"
):
    """The first line."""

    identity: Identity
    format: Literal["simqueue-campaign"] = FORMAT
    version: int = STATE_VERSION
    trace_version: int = TRACE_VERSION


class Session(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="session"
):
    """A session: a command begins to play the campaign, or continues it.

    ``source`` is a hash of the scenario's file, ``wanted`` are the moments it marks. ``known`` are
    the accepted failures of ``known_file``. ``runs`` is the number of runs of the campaign, those
    of other shards included.
    """

    simqueue: str
    pgqueuer: str
    python: str
    source: str
    wanted: frozenset[str]
    known: tuple[KnownFailure, ...]
    known_file: str
    runs: Position

    def changes(self, now: Session) -> list[str]:
        """Describe the differences between this session and a later one."""
        return [
            f"{name} {before}, this is {after}"
            for name, before, after in (
                ("simqueue", self.simqueue, now.simqueue),
                ("pgqueuer", self.pgqueuer, now.pgqueuer),
                ("Python", self.python, now.python),
            )
            if before != after
        ] + ["another version of the scenario's file"] * (self.source != now.source)


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="end"):
    """A session ended, after ``elapsed`` real seconds; ``said`` holds its remarks."""

    elapsed: Annotated[float, msgspec.Meta(ge=0, le=_SECONDS_MAX)]
    said: tuple[str, ...] = ()


class Kept(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="line",
    tag="kept",
):
    """A failure is about to be saved, or saved again after it was shrunk.

    ``found`` is the checksum of the trace that the campaign found, ``saved`` that of the file.
    ``done`` is whether shrinking was completed; ``note`` is its result in words.
    """

    signature: str
    found: str
    saved: str
    done: bool = False
    note: str = ""


Line = Header | Session | Result | Ended | Kept
