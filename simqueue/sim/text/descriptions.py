"""Errors in one line, the same on every machine."""

from __future__ import annotations

from simqueue.sim.text.masking import Tidier

OUTLIVES = "something outlives the runs"
ADVICE = (
    "make it in the scenario, so that each run has its own; it is not a failure of the application"
)
_OUTLIVES = f"{OUTLIVES}: this was used before this run began, on another loop; {ADVICE}"

_OF_ANOTHER_LOOP = ("is bound to a different event loop", "attached to a different loop")


def described(error: BaseException) -> str:
    """Return ``Type: message`` without addresses or directories."""
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001  the error's own __str__ may raise anything
        text = f"(its text cannot be had: {type(second).__name__})"
    if isinstance(error, RuntimeError) and any(words in text for words in _OF_ANOTHER_LOOP):
        text = f"{text}: {_OUTLIVES}"
    return Tidier()(f"{type(error).__name__}: {text}" if text else type(error).__name__)
