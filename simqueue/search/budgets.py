"""Budgets: how many runs are spent by default.

A module of its own, so that options can name them without loading what spends them.
"""

SHRINK_RUNS = 400
"""On making one failure simpler."""

NEARBY_RUNS = 60
"""On looking for a failure near a replay that drifted and passed."""

INEVITABLE_RUNS = 1000
"""On finding out since when a failure could not be averted any more."""

CONTINUATIONS = 20
"""How many runs continue from one event, to see whether all of them fail."""

NEAREST_RUNS = 400
"""On looking for the passing run that is most like a failing one."""
