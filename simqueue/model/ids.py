"""Identifiers and units; one meaning each, everywhere."""

from __future__ import annotations

from typing import Literal, NewType

Instant = NewType("Instant", int)
"""Whole microseconds since the database's epoch: a simulated run's start, or 1970-01-01 UTC."""

Duration = NewType("Duration", int)
"""Whole microseconds."""

JobId = NewType("JobId", int)
ScheduleId = NewType("ScheduleId", int)
ManagerId = NewType("ManagerId", str)
"""A queue manager's UUID in its canonical text form."""

EntryNumber = NewType("EntryNumber", int)
"""Position of an entry in the event log, from 0."""

StatementId = NewType("StatementId", int)
"""Number of a statement within one run, from 1."""

Status = Literal["queued", "picked", "successful", "canceled", "deleted", "exception", "failed"]
"""Values of PgQueuer's status enum, in the order the schema declares them."""

STATUS_ORDER: dict[Status, int] = {
    "queued": 0,
    "picked": 1,
    "successful": 2,
    "exception": 3,
    "canceled": 4,
    "deleted": 5,
    "failed": 6,
}
"""An enum column sorts by declaration, not by spelling."""

Operation = Literal["insert", "delete", "truncate"]
"""What the statement-level trigger reports; UPDATE never does, since OLD and NEW are NULL there."""

Table = Literal["queue", "log", "statistics", "schedules"]

OnConflict = Literal["raise", "skip", "update_priority"]

MICROSECONDS = 1_000_000
"""Microseconds in a second."""

Bucket = tuple[str, int, Status, Instant]
"""What a row of the statistics table counts: entrypoint, priority, status, and the second."""
