"""How a run ended, and how it failed."""

from __future__ import annotations

from typing import Literal

import msgspec

from simqueue.model.bounds import Duration, Position

FailureKind = Literal["exception", "invariant", "deadlock", "livelock", "timeout"]


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a run did not pass.

    ``where`` is the user's frame, ``file.py:12 in handler``, or the invariant's name.
    ``expected`` is what should hold instead, where that is known without reading the scenario.
    ``signature`` is what stays the same when the same bug happens in another schedule: the kind,
    the exception's type or the invariant, and the function and source line it came from, but no
    line number, time, or id.

    Example:
        >>> failure = simqueue.run(broken, seed=bad_seed).failure
        >>> failure.message
        'AssertionError: the coin fell on its edge'
    """

    kind: FailureKind
    message: str
    where: str
    signature: str
    traceback: str = ""
    expected: str = ""

    @property
    def explained_as(self) -> str:
        """The name under which `simqueue explain` explains it."""
        return self.where if self.kind == "invariant" and self.expected else self.kind


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended, after ``steps`` loop steps and ``simulated`` microseconds."""

    passed: bool
    steps: Position
    simulated: Duration
    failure: Failure | None = None
