"""The result of a saved failure that was played again, in one line."""

from __future__ import annotations

from typing import assert_never

from simqueue.model.findings import Fate, Replayed, Verdict
from simqueue.report.findings.replay import render_replay


def render_regression(file: str, fate: Fate, replayed: Replayed) -> str:
    """Return the result; ``file`` is the name to print for the saved failure."""
    sentence = render_replay(replayed)
    match fate:
        case "fails":
            return f"{file} still fails: {sentence}"
        case "accepted":
            return f"{file} still fails, which is accepted: {sentence}"
        case "different":
            return f"{file} fails in another way: {sentence}"
        case "passes":
            return f"{file} {_passes(replayed.verdict)}: remove it if you agree ({sentence})"
        case _:
            assert_never(fate)


def _passes(verdict: Verdict) -> str:
    match verdict:
        case "gone":
            return "is fixed"
        case "not-reproduced":
            return "passes alone"
        case "reproduced" | "drifted-alike" | "drifted-passed" | "different":
            return "passes now"
        case _:
            assert_never(verdict)
