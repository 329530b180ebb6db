"""Explanations: what a printed name means, for `simqueue explain NAME` and the guides."""

from typing import Literal

import msgspec

Subject = Literal["invariant", "expectation", "fault", "strategy", "verdict", "entropy source"]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of one name, in plain sentences without markup except `code`.

    It stands beside what it explains: an invariant's in the invariant's module, a fault's in the
    row of the table of faults. The guides hold the same text.
    """

    name: str  # as printed: `no-orphan`, `crash`, `pct`
    subject: Subject
    meaning: str  # one sentence: what it is, or what is checked
    reason: str  # why it exists: what goes wrong in production
    no_violation: str = ""  # what looks like it and is allowed; empty if nothing does
    advice: str  # what to do about it, or when to use it
