"""Translates rows into PgQueuer's models, and Python's times into the store's and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from pgqueuer.domain import models
from pydantic import BaseModel

from simqueue.model.epoch import UNIX_EPOCH
from simqueue.model.ids import Duration, Instant, ManagerId
from simqueue.model.rows import JobRow

M = TypeVar("M", bound=BaseModel)

_US = timedelta(microseconds=1)
_SCHEDULE_TIMES = ("heartbeat", "created", "updated", "next_run", "last_run")


def microseconds(delta: timedelta) -> Duration:
    """Return whole microseconds."""
    return Duration(delta // _US)


class Calendar(dict[Instant, datetime]):
    """The instants of one answer as datetimes; equal instants share one datetime."""

    def __init__(self, epoch_us: int) -> None:
        super().__init__()
        self._epoch = UNIX_EPOCH + timedelta(microseconds=epoch_us)

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
        manager, headers = row.queue_manager_id, row.headers
        if manager not in managers:
            managers[manager] = UUID(manager)
        trusted = _TRUSTED and headers in _NO_HEADERS
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
            "headers": None if trusted else headers,
        }
        jobs.append(_trusted_job(named) if trusted else _validated_job(named))
    return jobs


_NO_HEADERS = (None, "null")
_COLUMNS = set(JobRow.__struct_fields__) - {"dedupe_key"}
_TRUSTED = set(models.Job.model_fields) == _COLUMNS
"""Whether the installed PgQueuer's jobs have the columns that rows have, and no others."""

_validated_job = models.Job.__pydantic_validator__.validate_python
_new = models.Job.__new__
_set_fields, _set_names, _set_extra, _set_private = (
    vars(BaseModel)[name].__set__
    for name in (
        "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"
    )
)  # fmt: skip


def _trusted_job(named: dict[str, Any]) -> models.Job:
    """Return a job as unpickling makes one, in a third of the time of validation.

    A worker waits for this. Without headers, which are JSON, each column has the model's type.
    """
    job = _new(models.Job)
    _set_fields(job, named)
    _set_names(job, _COLUMNS.copy())
    _set_extra(job, None)
    _set_private(job, None)
    return job
