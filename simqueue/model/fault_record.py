"""The record of one kind of fault; ``fault`` holds the table of all."""

from __future__ import annotations

from typing import Literal

import msgspec

from simqueue.model.explanation import Explanation

Effect = Literal[
    "kill",
    "stop",
    "pause",
    "set-clock",
    "disconnect",
    "refuse",
    "reject",
    "slow",
    "hold-up",
    "restart-server",
    "crash-server",
]
"""What is done when a fault occurs."""

FaultSubject = Literal["worker", "connection", "statement", "server"]
"""What a fault occurs to."""

Severity = Literal["disaster", "mishap"]
"""How often a fault occurs in the runs that have it: a disaster leaves a run more time between."""


class ServerError(msgspec.Struct, frozen=True, array_like=True):
    """An error that the server answers with; ``breaks``: the connection is lost with it."""

    sqlstate: str
    message: str
    breaks: bool = False


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault.

    ``each_second``: a fault of this kind can occur in any second of its subject's life.
    ``around_statements``: it can occur to a worker up to 24 steps after a statement of the worker
    arrives, commits or is replied to. ``longest_s``: how many seconds its effect lasts at most, of
    a clock how far it is set; at least 1 where the effect has a length. ``errors``: the answers of
    a server that refuses or rejects. ``presets``: those that hold it, beside ``production``, which
    holds every kind. ``noun`` and ``summary`` are the words of reports and help; ``clause`` is what
    the server does. The other fields are those of its ``explanation``.
    """

    kind: str
    subject: FaultSubject
    effect: Effect
    severity: Severity
    each_second: bool = False
    around_statements: bool = False
    longest_s: int = 0
    errors: tuple[ServerError, ...] = ()
    presets: tuple[str, ...] = ()
    noun: str
    clause: str = ""
    summary: str
    reason: str
    no_violation: str = ""
    advice: str

    @property
    def explanation(self) -> Explanation:
        """What `simqueue explain KIND` prints."""
        return Explanation(
            name=self.kind,
            subject="fault",
            meaning=f"{self.summary[0].upper()}{self.summary[1:]}.",
            reason=self.reason,
            no_violation=self.no_violation,
            advice=self.advice,
        )
