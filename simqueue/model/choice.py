"""Choices: the decisions that a run left open, and the option that was picked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from simqueue.model.bounds import Instant, Int64, Position
from simqueue.model.choice_key import first_of, word_of

Recorded = dict[str, dict[int, int]]
"""The picks of a run that were not 0: per key (see ``choice_key``) the values by position.

0 is what a calm system does: these are the run's deviations from calm, and ``{}`` is calm itself.
"""


class Choice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One pick that was not 0: ``value`` of ``of`` options, the ``position``-th pick of ``key``.

    It was made ``at`` an instant in virtual microseconds, when the log held ``event`` events.
    ``about`` names the task whose step it is about. For a choice of order,
    ``"two handle before commit"`` means: the task ``handle`` of the process ``two`` went before the
    task ``commit`` of the process in the key.
    """

    key: str
    position: Position
    value: Int64
    of: Int64
    at: Instant
    event: Position
    about: str = ""

    @property
    def who(self) -> str:
        """The process that went first, as keys spell it; empty if it is no choice of order."""
        return first_of(self.about) if word_of(self.key).kind == "order" else ""


def by_key(choices: Iterable[Choice]) -> Recorded:
    """Return choices by key and position; keys are sorted."""
    recorded: Recorded = {}
    for choice in sorted(choices, key=_place):
        recorded.setdefault(choice.key, {})[choice.position] = choice.value
    return recorded


def _place(choice: Choice) -> tuple[str, int]:
    return choice.key, choice.position
