"""Finds the fewest deviations from calm with which a run still fails the same way.

``shrinker``  the search; ``attempts``: plays candidates, each once, and keeps the best
``dropping``  passes that drop choices; ``lowering``: passes that change values
"""
