"""The result of a replay in one sentence: the verdict, and where the run and its trace part."""

from __future__ import annotations

from typing import assert_never

from simqueue.model.findings import Difference, Move, Replayed, Variations
from simqueue.report.difference import reordered

_MOVES_SHOWN = 3


def render_replay(replayed: Replayed) -> str:
    """Return the verdict, and from which event on the run differs from its trace."""
    divergence = replayed.divergence
    if replayed.verdict == "not-reproduced":
        same = divergence is not None and divergence.number >= len(replayed.trace.events)
        return render_not_reproduced(replayed.cause, same=same)
    if divergence is None:
        ended = "passed" if replayed.again.outcome.passed else "failed the same way"
        return f"reproduced: {len(replayed.trace.events)} events, and it {ended}"
    return (
        f"{replayed.verdict}: {_outcome(replayed, divergence)}; from event {divergence.number} on "
        f"(by {divergence.actor}) it differs: the trace has {divergence.one}, this run has "
        f"{divergence.other}{_order(replayed, divergence)}"
    )


def render_not_reproduced(cause: str, *, same: bool = False) -> str:
    """Return that a run passes alone, with the ``same`` events or not, and the ``cause``."""
    events = ", with the same events" if same else ""
    return (
        f"not-reproduced: it passes alone{events}, and fails the same way after another run, so "
        f"the cause lies outside the run: {cause}"
    )


def render_moves(moves: tuple[Move, ...]) -> str:
    """Return which choices were moved, and where to."""
    shown = "; ".join(map(_move, moves[:_MOVES_SHOWN]))
    more = len(moves) - _MOVES_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _move(move: Move) -> str:
    where, value = move.choice.position, move.choice.value
    changes = [f"from {where} to {move.position}"] * (where != move.position)
    changes += [f"value {value} as {move.value}"] * (value != move.value)
    return f"{move.choice.key!r} {', '.join(changes)}"


def _order(replayed: Replayed, divergence: Difference) -> str:
    """Return whether the runs have the same events in another order, and how to find the set."""
    if not reordered(replayed.trace, replayed.again, divergence.number):
        return ""
    sentence = "; both have the same in another order, as if the order of a set decided"
    return f"{sentence}: `{replayed.audit}` finds the set" if replayed.audit else sentence


def _outcome(replayed: Replayed, divergence: Difference) -> str:
    """Return how the run ended, and how the variations did."""
    match replayed.verdict:
        case "drifted-alike":
            return _same_failure(replayed)
        case "different":
            return "the run failed in another way"
        case "gone" if divergence.number >= len(replayed.trace.events):
            ended = "all recorded events happened again, and the run passed"
        case "gone":
            ended = "every recorded choice was asked for again at its time, and the run passed"
        case "drifted-passed" | "reproduced" | "not-reproduced":
            ended = "the run passed"
        case _:
            assert_never(replayed.verdict)
    variations = replayed.variations
    if variations is None:
        return ended
    unmet = "" if replayed.verdict == "gone" else _unmet(variations)
    return f"{ended}{unmet}, and so did {_tried(variations)}"


def _same_failure(replayed: Replayed) -> str:
    """Return which choices made the run fail the same way."""
    variations = replayed.variations
    if variations is None:
        return "the run still failed the same way"
    if variations.seed is None:
        moves = render_moves(replayed.moved)
        return f"the run failed the same way after choices were moved: {moves}"
    return (
        "its choices do not lead to the failure any more, nor do "
        f"{variations.variations} variations, but seed {variations.seed} fails the same way"
    )


def _unmet(variations: Variations) -> str:
    """Return which recorded choices were not asked for again, if any."""
    if not variations.unmet:
        return ""
    first, count = variations.unmet[0], len(variations.unmet)
    more = f" and {count - 1} more" if count > 1 else ""
    return (
        f", though {first.key!r} number {first.position}{more} was not asked for again at its time"
    )


def _tried(variations: Variations) -> str:
    runs = f"{variations.variations} variations of its choices and {variations.seeds} seeds"
    if not variations.others:
        return runs
    return f"{runs}, except {variations.others} that failed in other ways"
