"""Enqueue: jobs come in, and dedupe keys decide which."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from simqueue.errors import UniqueViolationError
from simqueue.model.events import (
    IdsBurned,
    JobDeduplicated,
    JobEnqueued,
    JobReprioritized,
    StoreEvent,
    TableChanged,
)
from simqueue.model.ids import Duration, Instant, JobId, OnConflict
from simqueue.store.tables import Tables


class NewJob(msgspec.Struct, frozen=True):
    """A job as a client sends it; ``execute_after`` is a delay, ``headers`` JSON text."""

    entrypoint: str
    payload: bytes | None
    priority: int
    execute_after: Duration
    dedupe_key: str | None
    headers: str | None


def decide_enqueue(
    tables: Tables, now: Instant, jobs: Sequence[NewJob], on_conflict: OnConflict
) -> list[StoreEvent]:
    """Insert jobs in their order; each draws an id, whether it is inserted or not.

    Raises:
        UniqueViolationError: with ``on_conflict="raise"``, a dedupe key is that of a live job or
            stands twice in ``jobs``. Nothing is inserted; the ids stay drawn.
    """
    events: list[StoreEvent] = []
    number = tables.jobs.next_id
    taken: dict[str, JobId] = {}
    for job in jobs:
        held = _holder(tables, taken, job.dedupe_key)
        if held is None:
            events.append(
                JobEnqueued(
                    JobId(number), job.entrypoint, job.priority, Instant(now + job.execute_after),
                    job.payload, job.dedupe_key, job.headers,
                )
            )  # fmt: skip
            if job.dedupe_key is not None:
                taken[job.dedupe_key] = JobId(number)
        elif on_conflict == "raise":
            burned = IdsBurned("queue", number - tables.jobs.next_id + 1)
            raise UniqueViolationError.of(tables.names.dedupe_index, (burned,))
        else:
            events.append(_met(tables, JobId(number), held, job, on_conflict))
        number += 1
    events.append(TableChanged("insert"))
    return events


def _holder(tables: Tables, taken: dict[str, JobId], key: str | None) -> JobId | None:
    if key is None:
        return None
    return taken.get(key) or tables.jobs.live_keys.get(key)


def _met(
    tables: Tables, burned: JobId, held: JobId, job: NewJob, on_conflict: OnConflict
) -> StoreEvent:
    if on_conflict == "skip":
        return JobDeduplicated(burned, held, str(job.dedupe_key))
    return JobReprioritized(burned, held, max(tables.jobs.rows[held].priority, job.priority))


def enqueued_ids(events: Sequence[StoreEvent]) -> list[JobId | None]:
    """Return one id per job that was sent: its own, that of the job it raised, or None if skipped."""
    ids: list[JobId | None] = []
    for event in events:
        if isinstance(event, JobEnqueued | JobReprioritized):
            ids.append(event.job_id)
        elif isinstance(event, JobDeduplicated):
            ids.append(None)
    return ids
