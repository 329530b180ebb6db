"""The parts of a pick about a fault: how long, when, and what, in one value."""

from __future__ import annotations

from simqueue.choices import DISASTER
from simqueue.model.delays import RUNGS
from simqueue.sim.faults.statements import MOMENTS, STEPS

Parts = tuple[int, ...]
"""What a value is made of, the part that weighs least in it first; all 0 is simplest."""


def parts_of(kind: str, value: int) -> Parts:
    """Take the value of a pick of this kind apart, as ``value_of`` puts it together."""
    first, sizes = _layout(kind)
    rest, parts = value - first, []
    for size in sizes:
        rest, part = divmod(rest, size)
        parts.append(part)
    return (*parts, rest)


def value_of(kind: str, parts: Parts) -> int:
    """Return the value that is made of ``parts``, at least 1, since 0 is that nothing happens."""
    first, sizes = _layout(kind)
    value = parts[-1]
    for size, part in zip(reversed(sizes), reversed(parts[:-1]), strict=True):
        value = value * size + part
    return max(1, first + value)


def _layout(kind: str) -> tuple[int, Parts]:
    """Return the least value, and of all parts but the last how many values they have."""
    fault, _, befallen = kind.partition("/")
    if befallen == "second":
        within, sign = (RUNGS,), (2,)
        return 0, within + sign if fault.endswith(":skew") else within
    if fault.endswith(":slow"):
        return 1, (2,)
    if fault in _AIMED:
        return 1, (len(MOMENTS), STEPS)
    return 1, ()


_AIMED = tuple(f"{DISASTER}{kind}" for kind in ("crash", "stop", "pause"))
