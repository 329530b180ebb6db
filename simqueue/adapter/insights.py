"""The insights port: the queries of dashboards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer.domain import models

from simqueue.adapter import arguments
from simqueue.adapter.port import Port
from simqueue.adapter.statements import changing, reading
from simqueue.adapter.translation import (
    Calendar,
    build,
    build_jobs,
    build_logs,
    columns,
    microseconds,
)
from simqueue.model.ids import MICROSECONDS, Instant, JobId
from simqueue.model.rows import JobRow
from simqueue.store import (
    Tables,
    decide_aggregate,
    select_active_workers,
    select_browse_queue,
    select_exception_logs,
    select_job_duration_percentiles,
    select_job_log_history,
    select_queue_age,
    select_queue_job_by_id,
    select_stale_jobs,
    select_table_sizes,
    select_throughput_summary,
    select_throughput_timeseries,
    select_unaggregated_log_count,
)

if TYPE_CHECKING:
    from pgqueuer.domain import types


class InsightsQueries(Port):
    """Statements that only read, for dashboards."""

    async def queue_age(self) -> list[models.QueueAgeStats]:
        """Return how long queued jobs have been waiting, by entrypoint."""
        ages, calendar = await self._run_dated(reading("queue_age", select_queue_age))
        return build(models.QueueAgeStats, ages, calendar, "oldest_created")

    async def job_duration_percentiles(self, last: timedelta) -> list[models.JobDurationStats]:
        """Return how long jobs ran that ended within ``last``, by entrypoint."""
        select, window = select_job_duration_percentiles, microseconds(last)
        durations = await self._run_dated(reading("job_duration_percentiles", select, window))
        return build(models.JobDurationStats, *durations)

    async def throughput_summary(
        self, last: timedelta | None = None
    ) -> list[models.ThroughputStats]:
        """Aggregate, then return totals by entrypoint and status."""
        await self._run(changing("aggregate_logs", decide_aggregate, guarded=False))
        window = None if last is None else microseconds(last)
        statement = reading("throughput_summary", select_throughput_summary, window)
        return build(models.ThroughputStats, *await self._run_dated(statement))

    async def throughput_timeseries(self, last: timedelta) -> list[models.ThroughputBucket]:
        """Aggregate, then return totals by minute, entrypoint and status."""
        await self._run(changing("aggregate_logs", decide_aggregate, guarded=False))
        select, window = select_throughput_timeseries, microseconds(last)
        totals, calendar = await self._run_dated(reading("throughput_timeseries", select, window))
        return build(models.ThroughputBucket, totals, calendar, "bucket")

    async def active_workers(self) -> list[models.ActiveWorker]:
        """Return the queue managers that hold picked jobs."""
        workers, calendar = await self._run_dated(reading("active_workers", select_active_workers))
        times = ("oldest_heartbeat", "newest_heartbeat")
        return build(models.ActiveWorker, workers, calendar, *times)

    async def stale_jobs(self, threshold: timedelta, limit: int = 100) -> list[models.StaleJob]:
        """Return picked jobs silent for longer than ``threshold``, the longest silent first."""
        silence, most = microseconds(threshold), arguments.int64(limit)

        def select(tables: Tables, now: Instant) -> tuple[Instant, list[JobRow]]:
            return now, select_stale_jobs(tables, now, silence, most)

        (now, rows), calendar = await self._run_dated(reading("stale_jobs", select))
        return [_stale_job(row, now, calendar) for row in rows]

    async def exception_logs(self, limit: int = 100) -> list[models.Log]:
        """Return the latest exceptions, the newest first."""
        statement = reading("exception_logs", select_exception_logs, arguments.int64(limit))
        return build_logs(*await self._run_dated(statement))

    async def browse_queue(
        self,
        limit: int = 50,
        offset: int = 0,
        statuses: list[types.JOB_STATUS] | None = None,
        entrypoints: list[str] | None = None,
    ) -> list[models.Job]:
        """Return a page of the queue, most urgent first, then oldest."""
        statement = reading(
            "browse_queue",
            select_browse_queue,
            arguments.int64(limit),
            arguments.int64(offset),
            statuses or None,
            arguments.names(entrypoints),
        )
        return build_jobs(*await self._run_dated(statement))

    async def queue_job_by_id(self, id: types.JobId) -> models.Job | None:  # noqa: A002
        """Return a job, or None."""
        statement = reading("queue_job_by_id", select_queue_job_by_id, JobId(arguments.int64(id)))
        row, calendar = await self._run_dated(statement)
        return None if row is None else build_jobs([row], calendar)[0]

    async def job_log_history(self, id: types.JobId, limit: int = 100) -> list[models.Log]:  # noqa: A002
        """Return the log of a job, oldest first."""
        statement = reading(
            "job_log_history",
            select_job_log_history,
            JobId(arguments.int64(id)),
            arguments.int64(limit),
        )
        return build_logs(*await self._run_dated(statement))

    async def unaggregated_log_count(self) -> int:
        """Return how many log rows are not aggregated into statistics yet."""
        return await self._run(reading("unaggregated_log_count", select_unaggregated_log_count))

    async def schema_info(self) -> list[models.TableInfo]:
        """Return each table's number of rows; sizes in bytes are not known."""
        sizes = await self._run(reading("schema_info", select_table_sizes))
        return [
            models.TableInfo(
                table_name=name, persistence="IN MEMORY", estimated_rows=rows, total_size="-"
            )
            for name, rows in sizes
        ]


def _stale_job(row: JobRow, now: Instant, calendar: Calendar) -> models.StaleJob:
    named = columns(row, calendar, "created", "updated", "heartbeat", "execute_after")
    named["seconds_since_heartbeat"] = (now - row.heartbeat) / MICROSECONDS
    return models.StaleJob.model_validate(named)
