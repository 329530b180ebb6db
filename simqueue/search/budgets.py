"""The default number of runs for each kind of search.

A module of its own, so that the options of commands can show them without loading the searches.
"""

SHRINK_RUNS = 400
"""To make one failure simpler."""

NEARBY_RUNS = 60
"""To look for a failure among variations of a replay that drifted and passed."""

INEVITABLE_RUNS = 1000
"""To find the event after which a failure could not be avoided."""

CONTINUATIONS = 20
"""Of a run from one event on, to measure how likely it is to fail from there."""

NEAREST_RUNS = 400
"""To look for the passing run that is most similar to a failing one."""
