"""The ladder from a picked integer to a duration."""

from __future__ import annotations

import functools

RUNGS = 64
_SHORTEST_US = 10


@functools.cache
def ladder(longest_us: int) -> tuple[int, ...]:
    """Return ``RUNGS`` delays in microseconds from 0 (calm) to ``longest_us``, evenly in logarithm.

    A uniform pick of a rung so meets every order of magnitude equally often, and a smaller pick
    is a shorter delay, which is what shrinking wants.
    """
    if longest_us <= _SHORTEST_US:
        return tuple(min(longest_us, rung) for rung in range(RUNGS))
    ratio = (longest_us / _SHORTEST_US) ** (1 / (RUNGS - 2))
    return (0, *(round(_SHORTEST_US * ratio**rung) for rung in range(RUNGS - 1)))
