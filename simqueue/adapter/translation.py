"""Rows to PgQueuer's models, and Python's times to the store's and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from pgqueuer.domain import models
from pydantic import BaseModel

from simqueue.model.ids import Duration, Instant, ManagerId
from simqueue.model.rows import JobRow

M = TypeVar("M", bound=BaseModel)

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_SCHEDULE_TIMES = ("heartbeat", "created", "updated", "next_run", "last_run")


def microseconds(delta: timedelta) -> Duration:
    """Return whole microseconds."""
    return Duration(delta // _US)


class Calendar(dict[Instant, datetime]):
    """The instants of one answer as datetimes. Many of them are equal, and each is made once."""

    def __init__(self, epoch_us: int) -> None:
        super().__init__()
        self._epoch = _UNIX_EPOCH + timedelta(microseconds=epoch_us)

    def __missing__(self, instant: Instant) -> datetime:
        moment = self[instant] = self._epoch + timedelta(microseconds=instant)
        return moment


def build(
    model: type[M], rows: Iterable[msgspec.Struct], calendar: Calendar, *times: str
) -> list[M]:
    """Return each row as a ``model``; the columns named in ``times`` are instants, or None."""
    return [model.model_validate(columns(row, calendar, *times)) for row in rows]


def columns(row: msgspec.Struct, calendar: Calendar, *times: str) -> dict[str, Any]:
    """Return a row's columns by name, with datetimes for those that ``times`` names."""
    named = msgspec.structs.asdict(row)
    for name in times:
        if named[name] is not None:
            named[name] = calendar[named[name]]
    return named


def build_logs(rows: Iterable[msgspec.Struct], calendar: Calendar) -> list[models.Log]:
    """Return rows of the log table as log entries."""
    return build(models.Log, rows, calendar, "created")


def build_schedules(rows: Iterable[msgspec.Struct], calendar: Calendar) -> list[models.Schedule]:
    """Return rows of the schedules table as schedules."""
    return build(models.Schedule, rows, calendar, *_SCHEDULE_TIMES)


def build_jobs(rows: Iterable[JobRow], calendar: Calendar) -> list[models.Job]:
    """Return rows of the queue table as jobs of the installed PgQueuer."""
    managers: dict[ManagerId | None, UUID | None] = {None: None}
    jobs: list[models.Job] = []
    for row in rows:
        manager = row.queue_manager_id
        if manager is not None and manager not in managers:
            managers[manager] = UUID(manager)
        named = {
            "id": row.id,
            "priority": row.priority,
            "created": calendar[row.created],
            "updated": calendar[row.updated],
            "heartbeat": calendar[row.heartbeat],
            "execute_after": calendar[row.execute_after],
            "status": row.status,
            "entrypoint": row.entrypoint,
            "payload": row.payload,
            "attempts": row.attempts,
            "queue_manager_id": managers[manager],
            "slot": row.slot,
            "headers": row.headers,
        }
        if _TRUSTED and row.headers in _NO_HEADERS:
            jobs.append(_trusted_job(named))
        else:
            jobs.append(_validated_job(named))
    return jobs


_NO_HEADERS = (None, "null")
_COLUMNS = frozenset(JobRow.__struct_fields__) - {"dedupe_key"}
_TRUSTED = frozenset(models.Job.model_fields) == _COLUMNS
"""Whether the installed PgQueuer's jobs have the columns that rows have, and no others."""

_validated_job = models.Job.__pydantic_validator__.validate_python


def _trusted_job(named: dict[str, Any]) -> models.Job:
    """Return a job as unpickling makes one, at half the price of validating it.

    A worker waits for this. Without headers, which are JSON, each column is what the model wants.
    """
    named["headers"] = None
    job = models.Job.__new__(models.Job)
    job.__setstate__(
        {
            "__dict__": named,
            "__pydantic_fields_set__": set(_COLUMNS),
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return job
