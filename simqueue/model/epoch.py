"""The Unix epoch, and wall-clock times as datetimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def datetime_of(unix_us: int) -> datetime:
    """Return the datetime, in UTC, of a Unix time in microseconds."""
    return UNIX_EPOCH + timedelta(microseconds=unix_us)
