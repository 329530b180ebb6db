"""Resets: after which events rows are gone without a word, and ids are drawn anew."""

from __future__ import annotations

from simqueue.model.events import DatabaseDropped, QueueTruncated, ServerCrashed
from simqueue.model.ids import Table

RESTARTING: tuple[type, ...] = (DatabaseDropped, ServerCrashed)
"""The events after which ids may be drawn a second time."""

EMPTYING: tuple[type, ...] = (QueueTruncated, *RESTARTING)
"""The events after which the queue may be empty."""


def restarts_ids(event: object, table: Table) -> bool:
    """Return whether a table is new after an event, so that what was known of its ids is void."""
    if isinstance(event, ServerCrashed):
        return table in event.emptied
    return isinstance(event, DatabaseDropped)


def empties_queue(event: object) -> bool:
    """Return whether no job is left after an event."""
    return isinstance(event, QueueTruncated) or restarts_ids(event, "queue")
