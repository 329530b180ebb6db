"""Identifiers and units as fields of a file: whole numbers of at most 64 bits; others are refused.

JSON knows numbers of any length. Dates, floats and other programs do not.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from simqueue.model import ids

_INT64 = Meta(ge=-(2**63), le=2**63 - 1)
_POSITION = Meta(ge=0, le=2**63 - 1)

Int64 = Annotated[int, _INT64]
Instant = Annotated[ids.Instant, _INT64]
Duration = Annotated[ids.Duration, _INT64]
JobId = Annotated[ids.JobId, _INT64]
ScheduleId = Annotated[ids.ScheduleId, _INT64]
StatementId = Annotated[ids.StatementId, _INT64]

Position = Annotated[int, _POSITION]
"""A place in an order, or how many there are."""

EntryNumber = Annotated[ids.EntryNumber, _POSITION]

Bucket = tuple[str, Int64, ids.Status, Instant]
