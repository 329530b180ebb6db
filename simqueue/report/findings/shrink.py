"""How far a trace was shrunk, in one line."""

from __future__ import annotations

from simqueue.model.findings import Shrinking


def render_shrinking(shrinking: Shrinking) -> str:
    """Return the deviations before and after, the cost, and whether fewer may be possible."""
    plural = "" if shrinking.runs == 1 else "s"
    sentence = (
        f"{shrinking.before} deviations from calm became {shrinking.after} "
        f"in {shrinking.runs} run{plural}"
    )
    if not shrinking.minimal:
        return f"{sentence}; more runs may leave fewer"
    if not shrinking.after:
        return sentence
    return f"{sentence}; without any one of them it does not fail that way"
