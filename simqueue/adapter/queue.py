"""The queue port: enqueue, dequeue, finish and count jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, cast, get_args, overload

from pgqueuer.adapters.persistence import query_helpers
from pgqueuer.domain import errors, models, types
from pgqueuer.ports import tracing

from simqueue.adapter import arguments
from simqueue.adapter.installed import semantics_in_force
from simqueue.adapter.notification import NotificationQueries
from simqueue.adapter.port import Port
from simqueue.adapter.statements import Decide, changing, nothing, reading
from simqueue.adapter.translation import build, build_jobs, build_logs, microseconds
from simqueue.errors import PostgresError, UniqueViolationError
from simqueue.model.events import JobPicked, StoreEvent
from simqueue.model.ids import Instant, JobId, ManagerId
from simqueue.model.rows import JobRow
from simqueue.store import (
    ADVISORY,
    Claim,
    Finished,
    NewJob,
    Resource,
    Statement,
    Tables,
    decide_aggregate,
    decide_clear_log,
    decide_clear_queue,
    decide_clear_statistics,
    decide_dequeue,
    decide_enqueue,
    decide_heartbeat,
    decide_log_jobs,
    decide_requeue,
    decide_retry,
    enqueued_ids,
    lock_candidates,
    select_eligible_queued_work,
    select_job_status,
    select_list_failed_jobs,
    select_log_statistics,
    select_next_deferred_eta,
    select_queue_log,
    select_queue_size,
    select_queued_work,
)

if TYPE_CHECKING:
    from pgqueuer.ports.repository import EntrypointExecutionParameter

    Logged = tuple[models.Job, types.JOB_STATUS, models.TracebackRecord | None]


_DEADLOCK = "40P01"


class QueueQueries(NotificationQueries, Port):
    """Statements on the queue table and its log."""

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[types.QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: types.QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[models.Job]:
        """Claim up to ``batch_size`` jobs, most urgent first; none if another claim is faster."""
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; a worker claims 1 job or more at a time")
        claim = Claim(
            batch_size=arguments.int64(batch_size),
            limits=_limits(entrypoints),
            manager=ManagerId(str(queue_manager_id)),
            worker_limit=None
            if global_concurrency_limit is None
            else arguments.int64(global_concurrency_limit),
            heartbeat_timeout=microseconds(heartbeat_timeout),
        )
        statement = Statement(
            "dequeue",
            partial(decide_dequeue, claim=claim),
            _picked_rows,
            locks=partial(lock_candidates, claim=claim),
        )
        try:
            rows, calendar = await self._run_dated(statement)
        except PostgresError as error:
            if not self._lost_slot(error):
                raise
            return []
        return build_jobs(rows, calendar)

    def _lost_slot(self, error: PostgresError) -> bool:
        """Return whether another claim took the capacity slot: then there is no job to claim."""
        constraint = error.constraint_name or ""
        return error.sqlstate == _DEADLOCK or constraint.endswith("_picked_slot_idx")

    @overload
    async def enqueue(
        self,
        entrypoint: str,
        payload: bytes | None,
        priority: int = 0,
        execute_after: timedelta | None = None,
        dedupe_key: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        on_conflict: Literal["raise", "update_priority"] = "raise",
    ) -> list[types.JobId]: ...

    @overload
    async def enqueue(
        self,
        entrypoint: str,
        payload: bytes | None,
        priority: int = 0,
        execute_after: timedelta | None = None,
        dedupe_key: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        on_conflict: Literal["skip"],
    ) -> list[types.JobId | None]: ...

    @overload
    async def enqueue(
        self,
        entrypoint: list[str],
        payload: list[bytes | None],
        priority: list[int],
        execute_after: list[timedelta | None] | None = None,
        dedupe_key: list[str | None] | None = None,
        headers: list[dict[str, str] | None] | None = None,
        *,
        on_conflict: Literal["raise", "update_priority"] = "raise",
    ) -> list[types.JobId]: ...

    @overload
    async def enqueue(
        self,
        entrypoint: list[str],
        payload: list[bytes | None],
        priority: list[int],
        execute_after: list[timedelta | None] | None = None,
        dedupe_key: list[str | None] | None = None,
        headers: list[dict[str, str] | None] | None = None,
        *,
        on_conflict: Literal["skip"],
    ) -> list[types.JobId | None]: ...

    async def enqueue(  # noqa: PLR0917  as PgQueuer calls it
        self,
        entrypoint: str | list[str],
        payload: bytes | list[bytes | None] | None,
        priority: int | list[int] = 0,
        execute_after: timedelta | list[timedelta | None] | None = None,
        dedupe_key: str | list[str | None] | None = None,
        headers: dict[str, str] | list[dict[str, str] | None] | None = None,
        *,
        on_conflict: types.OnConflict = "raise",
    ) -> list[types.JobId] | list[types.JobId | None]:
        """Insert one job, or with lists a batch; return an id per job, None for a skipped one.

        Raises:
            DuplicateJobError: with ``on_conflict="raise"``, a dedupe key is in use.
            ValueError: columns differ in length, or ``on_conflict`` does not fit the dedupe keys.
        """
        batch = query_helpers.normalize_enqueue_params(
            entrypoint, payload, priority, execute_after, dedupe_key, headers
        )
        tracer = self.tracer or tracing.TRACER.tracer
        if tracer is not None:
            traced = tracer.trace_publish(batch.entrypoint)
            batch.headers = query_helpers.merge_tracing_headers(batch.headers, traced)
        _check_conflict(on_conflict, batch.dedupe_key)
        new = _new_jobs(batch)

        def decide(tables: Tables, now: Instant) -> list[StoreEvent]:
            return decide_enqueue(tables, now, new, on_conflict)

        try:
            ids = await self._run(Statement("enqueue", decide, _ids))
        except UniqueViolationError as error:
            raise errors.DuplicateJobError(batch.dedupe_key) from error
        return cast("list[types.JobId | None]", ids)

    async def log_jobs(self, job_status: list[Logged]) -> None:
        """Take finished jobs out of the queue, or hold the failed ones, and log them."""
        finished = [
            (arguments.job_id(job.id), status, arguments.record(record))
            for job, status, record in job_status
        ]
        await self._run(changing("log_jobs", decide_log_jobs, finished))

    async def retry_job(
        self,
        job: models.Job,
        delay: timedelta,
        traceback_record: models.TracebackRecord | None,
    ) -> None:
        """Queue a job again after ``delay``, with one attempt more."""
        number, record = arguments.job_id(job.id), arguments.record(traceback_record)
        wait = microseconds(delay)
        await self._run(changing("retry_job", decide_retry, number, wait, record))

    async def requeue_jobs(self, ids: list[types.JobId]) -> None:
        """Queue held jobs again, with no attempts counted."""
        await self._run(changing("requeue_jobs", decide_requeue, arguments.job_ids(ids)))

    async def list_failed_jobs(
        self, limit: int = 100, order: types.SortOrder = "DESC"
    ) -> list[models.Job]:
        """Return held jobs by creation."""
        select = select_list_failed_jobs
        statement = reading("list_failed_jobs", select, arguments.int64(limit), order)
        return build_jobs(*await self._run_dated(statement))

    async def clear_queue(self, entrypoint: str | list[str] | None = None) -> None:
        """Delete the jobs of these entrypoints, or all."""
        await self._clear("queue", decide_clear_queue, entrypoint)

    async def queue_size(self) -> list[models.QueueStatistics]:
        """Return counts by entrypoint, priority and status."""
        sizes = await self._run_dated(reading("queue_size", select_queue_size))
        return build(models.QueueStatistics, *sizes)

    async def mark_job_as_cancelled(self, ids: list[types.JobId]) -> None:
        """Log jobs as cancelled, and notify the workers that run them."""
        await asyncio.gather(self._log_canceled(ids), self.notify_job_cancellation(ids))

    async def _log_canceled(self, ids: list[types.JobId]) -> None:
        finished: list[Finished] = [(job, "canceled", None) for job in arguments.job_ids(ids)]
        await self._run(changing("mark_job_as_cancelled", decide_log_jobs, finished))

    async def update_heartbeat(self, job_ids: list[types.JobId]) -> None:
        """Set heartbeats to now."""
        await self._run(changing("update_heartbeat", decide_heartbeat, arguments.job_ids(job_ids)))

    async def queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        """Return 1 if anything is queued, else 0."""
        return await self._run(reading("queued_work", select_queued_work, _given(entrypoints)))

    async def eligible_queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        """Return 1 if anything is queued and due, else 0."""
        select = select_eligible_queued_work
        return await self._run(reading("eligible_queued_work", select, _given(entrypoints)))

    async def next_deferred_eta(self, entrypoints: list[types.QueueEntrypoint]) -> timedelta | None:
        """Return how long until the next deferred job is due."""
        select = select_next_deferred_eta
        eta = await self._run(reading("next_deferred_eta", select, _given(entrypoints)))
        return None if eta is None else timedelta(microseconds=eta)

    async def queue_log(self) -> list[models.Log]:
        """Return the whole log."""
        return build_logs(*await self._run_dated(reading("queue_log", select_queue_log)))

    async def job_status(
        self, ids: list[types.JobId]
    ) -> list[tuple[types.JobId, types.JOB_STATUS]]:
        """Return the latest status of each job that was ever logged."""
        statuses = await self._run(
            reading("job_status", select_job_status, arguments.logged_ids(ids))
        )
        return cast("list[tuple[types.JobId, types.JOB_STATUS]]", statuses)

    async def aggregate_logs(self) -> None:
        """Fold log rows into statistics."""
        guarded = partial(decide_aggregate, guarded=True)
        await self._run(Statement("aggregate_logs", guarded, nothing, locks=_try_advisory))

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[models.LogStatistics]:
        """Aggregate, then return up to ``limit`` statistics within ``last``, the newest first."""
        await self._aggregate()
        if limit is not None:
            limit = arguments.int64(limit)
        window = None if last is None else microseconds(last)
        statement = reading("log_statistics", select_log_statistics, limit, window)
        return build(models.LogStatistics, *await self._run_dated(statement), "created")

    async def _aggregate(self) -> None:
        """Fold log rows into statistics, even if another statement does so right now."""
        await self._run(changing("aggregate_logs", decide_aggregate, guarded=False))

    async def clear_statistics_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Delete statistics of these entrypoints, or all."""
        await self._clear("statistics_log", decide_clear_statistics, entrypoint)

    async def clear_queue_log(self, entrypoint: str | list[str] | None = None) -> None:
        """Delete log rows of these entrypoints, or all."""
        await self._clear("queue_log", decide_clear_log, entrypoint)

    async def _clear(
        self,
        what: str,
        decide: Decide[[list[str] | None]],
        entrypoint: str | list[str] | None,
    ) -> None:
        names = arguments.names(entrypoint)
        verb = "truncate" if names is None else "clear"
        await self._run(changing(f"{verb}_{what}", decide, names))


def _try_advisory(tables: Tables, now: Instant) -> list[Resource]:
    return [ADVISORY]


def _picked_rows(tables: Tables, now: Instant, events: list[StoreEvent]) -> list[JobRow]:
    """Return the claimed jobs, most urgent first, then oldest, as they were decided."""
    rows = tables.jobs.rows
    return [rows[event.job_id] for event in events if isinstance(event, JobPicked)]


def _ids(tables: Tables, now: Instant, events: list[StoreEvent]) -> list[JobId | None]:
    return enqueued_ids(events)


def _limits(
    entrypoints: dict[types.QueueEntrypoint, EntrypointExecutionParameter],
) -> dict[str, int]:
    limits = {arguments.text(name): each.concurrency_limit for name, each in entrypoints.items()}
    # PgQueuer releases with slots send no limits if none is above 0.
    if any(limit > 0 for limit in limits.values()) or not semantics_in_force().slots:
        return {name: arguments.int64(limit) for name, limit in limits.items()}
    return limits


def _given(entrypoints: Iterable[str]) -> list[str]:
    return [arguments.text(name) for name in entrypoints]


_MODES: tuple[str, ...] = get_args(getattr(types, "OnConflict", None)) or ("raise",)


def _check_conflict(on_conflict: str, keys: list[str | None]) -> None:
    if on_conflict not in _MODES:
        # The exceptions are those that PgQueuer's own call raises.
        unknown = TypeError if len(_MODES) == 1 else AssertionError
        known = ", ".join(map(repr, _MODES))
        raise unknown(f"on_conflict is {on_conflict!r}; with the installed PgQueuer use {known}")
    if on_conflict == "update_priority":
        query_helpers.reject_repeated_dedupe_keys(keys)


def _new_jobs(batch: query_helpers.NormedEnqueueParam) -> list[NewJob]:
    # In the newest release they have one length by now.
    columns = zip_longest(
        map(arguments.text, batch.entrypoint),
        map(arguments.binary, batch.payload),
        map(arguments.int32, batch.priority),
        map(microseconds, batch.execute_after),
        (None if key is None else arguments.text(key) for key in batch.dedupe_key),
        map(arguments.document, batch.headers),
    )
    return [NewJob(*column) for column in columns]  # type: ignore[arg-type]
