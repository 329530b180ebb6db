"""The parts of a choice about a fault: how long, when, and what, in one value."""

from __future__ import annotations

from simqueue.model.choice_key import Word
from simqueue.model.delays import RUNGS
from simqueue.sim.faults.statements import MOMENTS, STEPS

Parts = tuple[int, ...]
"""The parts of a value, the least significant one first; all 0 is simplest."""


def parts_of(word: Word, value: int) -> Parts:
    """Split the value of a choice whose key ends in ``word``; the inverse of ``value_of``."""
    first, sizes = _layout(word)
    rest, parts = value - first, []
    for size in sizes:
        rest, part = divmod(rest, size)
        parts.append(part)
    return (*parts, rest)


def value_of(word: Word, parts: Parts) -> int:
    """Return the value that has these parts, at least 1, since 0 means that nothing happens."""
    first, sizes = _layout(word)
    value = parts[-1]
    for size, part in zip(reversed(sizes), reversed(parts[:-1]), strict=True):
        value = value * size + part
    return max(1, first + value)


def is_around_statement(word: Word) -> bool:
    """Return whether the parts are a moment of a statement, the steps after it, and how long."""
    return word.row is not None and word.row.around_statements and not word.is_each_second


def _layout(word: Word) -> tuple[int, Parts]:
    """Return the least value, and the number of values of each part but the last."""
    effect = None if word.row is None else word.row.effect
    if word.is_each_second:
        return 0, (RUNGS, 2) if effect == "set-clock" else (RUNGS,)
    if effect == "slow":
        return 1, (2,)
    if is_around_statement(word):
        return 1, (len(MOMENTS), STEPS)
    return 1, ()
