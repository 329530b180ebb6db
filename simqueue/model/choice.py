"""Choices: what a run left open and how it was picked, and the keys that say who asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from simqueue.model.bounds import Instant, Int64, Position

Recorded = dict[str, dict[int, int]]
"""What was picked: per key (who asked, and for what) the picks that were not 0, by position.

0 is what a calm system does: these are the run's deviations from calm, and ``{}`` is calm itself.
"""


class Choice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One pick that was not 0: ``value`` of ``of`` options, the ``position``-th pick of ``key``.

    It was made ``at`` so many virtual microseconds, when the log held ``event`` events. ``about``
    says whose step it was about. Where it was picked who goes first, ``"two handle before commit"``
    is that the task ``handle`` of the process ``two`` went before the task ``commit`` of who asked.
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
        """Who went first, as keys have it, where that was picked; else empty."""
        return self.about.partition(" ")[0] if kind_of(self.key) == "order" else ""


THREAD = "/thread"
"""What the name of a process's thread ends with, after that of the process."""


def by_key(choices: Iterable[Choice]) -> Recorded:
    """Return choices by key and position; keys are sorted."""
    found: Recorded = {}
    for choice in sorted(choices, key=_place):
        found.setdefault(choice.key, {})[choice.position] = choice.value
    return found


def _place(choice: Choice) -> tuple[str, int]:
    return choice.key, choice.position


def key_of(who: str, *what: str) -> str:
    """Return the key under which ``who`` asks for ``what``; its first word is who asks."""
    return " ".join(("_".join(who.split(" ")), *what))


def actor_of(key: str) -> str:
    """Return who asks, be it in a thread."""
    return key.partition(" ")[0].removesuffix(THREAD)


def kind_of(key: str) -> str:
    """Return the kind of choice, the last word."""
    return key.rpartition(" ")[2]
