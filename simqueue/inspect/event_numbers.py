"""Checks that a trace has the event that a user names by its number."""

from __future__ import annotations

from simqueue.errors import UsageError
from simqueue.model.trace import Trace


def check_event(trace: Trace, number: int) -> None:
    """Raise ``UsageError`` unless the trace has an event of that number."""
    count = len(trace.events)
    if not 0 <= number < count:
        held = f"events 0 to {count - 1}" if count else "no events"
        raise UsageError(f"there is no event {number}; the trace has {held}")
