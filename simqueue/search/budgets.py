"""Budgets: how many runs are spent unless somebody says otherwise.

A module of its own, so that options can name them without loading what spends them.
"""

SHRINK_RUNS = 400
"""On making one failure simpler."""

NEARBY_RUNS = 60
"""On looking for a failure near a replay that drifted and passed."""
