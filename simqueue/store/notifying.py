"""The text of the notification that the queue table's trigger sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from simqueue.model.ids import Instant, Operation
from simqueue.store.names import Names

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_table_changed(names: Names, operation: Operation, at: Instant) -> str:
    """Return the payload, spaced as PostgreSQL's ``json_build_object(...)::text`` spaces it."""
    return (
        f'{{"channel" : "{names.channel}", "operation" : "{operation}", '
        f'"sent_at" : "{_timestamp(names.epoch_us + at)}", '
        f'"table" : "{names.queue_table}", "type" : "table_changed_event"}}'
    )


def _timestamp(unix_us: int) -> str:
    """Return an ISO timestamp in UTC; PostgreSQL leaves out zeros at the end of the fraction."""
    moment = _EPOCH + timedelta(microseconds=unix_us)
    fraction = f"{moment.microsecond:06d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' + fraction if fraction else ''}+00:00"
