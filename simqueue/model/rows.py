"""One row of each table, columns as PgQueuer's schema declares them."""

from __future__ import annotations

import msgspec

from simqueue.model.ids import Instant, JobId, ManagerId, ScheduleId, Status


class JobRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the queue table."""

    id: JobId
    priority: int
    created: Instant
    updated: Instant
    heartbeat: Instant
    execute_after: Instant
    status: Status
    entrypoint: str
    dedupe_key: str | None
    payload: bytes | None
    headers: str | None  # JSON text; None is SQL NULL, "null" is the JSON null
    attempts: int
    queue_manager_id: ManagerId | None
    slot: int | None


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the log table: one status a job has had."""

    id: int
    created: Instant
    job_id: JobId
    status: Status
    priority: int
    entrypoint: str
    traceback: str | None  # JSON text
    aggregated: bool


class StatisticsRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the statistics table: how many log rows fell into one second."""

    id: int
    created: Instant  # truncated to the second
    count: int
    priority: int
    status: Status
    entrypoint: str


class ScheduleRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the schedules table."""

    id: ScheduleId
    expression: str
    entrypoint: str
    heartbeat: Instant
    created: Instant
    updated: Instant
    next_run: Instant
    last_run: Instant | None
    status: Status
