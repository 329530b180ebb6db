"""The ladder from a picked integer to a duration."""

from __future__ import annotations

import functools

RUNGS = 64
"""Number of delays in a ladder whose longest delay is two milliseconds or more."""

_SHORTEST_US = 10


@functools.cache
def ladder(longest_us: int) -> tuple[int, ...]:
    """Return delays in microseconds from 0 (calm) to ``longest_us``, evenly in logarithm.

    So a uniform pick of a rung gives every order of magnitude equally often, and a smaller pick is
    a shorter delay, as shrinking needs it. All delays are different: there are ``RUNGS`` of them,
    fewer if ``longest_us`` has fewer whole microseconds, and only one for 0.
    """
    if longest_us <= _SHORTEST_US:
        return tuple(range(longest_us + 1))
    ratio = (longest_us / _SHORTEST_US) ** (1 / (RUNGS - 2))
    rungs = (0, *(round(_SHORTEST_US * ratio**rung) for rung in range(RUNGS - 1)))
    return tuple(dict.fromkeys(rungs))
