"""Resets: events after which rows are gone without events of their own, and ids restart."""

from __future__ import annotations

from simqueue.model.events import DatabaseDropped, QueueTruncated, ServerCrashed
from simqueue.model.ids import Table

RESTARTING: tuple[type, ...] = (DatabaseDropped, ServerCrashed)
"""The events after which ids may be used again."""

EMPTYING: tuple[type, ...] = (QueueTruncated, *RESTARTING)
"""The events after which the queue may be empty."""


def restarts_ids(event: object, table: Table) -> bool:
    """Return whether a table is new after an event, so that its ids start over."""
    if isinstance(event, ServerCrashed):
        return table in event.emptied
    return isinstance(event, DatabaseDropped)


def empties_queue(event: object) -> bool:
    """Return whether no job is left after an event."""
    return isinstance(event, QueueTruncated) or restarts_ids(event, "queue")
