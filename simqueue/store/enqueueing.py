"""Enqueue: jobs come in, and dedupe keys decide which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from simqueue.errors import PostgresError, UniqueViolationError
from simqueue.model.events import (
    IdsBurned,
    JobDeduplicated,
    JobEnqueued,
    JobReprioritized,
    StoreEvent,
    TableChanged,
)
from simqueue.model.ids import Duration, Instant, JobId, OnConflict
from simqueue.store.locks import Resource
from simqueue.store.rejecting import check_json, check_text, is_timestamp, out_of_range
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
        PostgresError: with ``on_conflict="update_priority"``, a dedupe key stands twice; or the
            server refuses a text, a document or a delay.
    """
    _check(jobs)
    events: list[StoreEvent] = []
    number = tables.jobs.next_id
    named: dict[str, JobId] = {}
    for job in jobs:
        due = now + job.execute_after
        if not is_timestamp(tables.names, due):
            raise out_of_range(_burned(tables, len(events), len(jobs)))
        key = job.dedupe_key
        held = None if key is None else named.get(key) or tables.jobs.live_keys.get(key)
        if key is None or held is None:
            events.append(
                JobEnqueued(
                    JobId(number), job.entrypoint, job.priority, Instant(due), job.payload, key,
                    job.headers,
                )
            )  # fmt: skip
            if key is not None:
                named[key] = JobId(number)
        elif on_conflict == "skip":
            events.append(JobDeduplicated(JobId(number), held, key))
        elif on_conflict == "raise" or key in named:
            leaves = _burned(tables, len(events), len(jobs))
            keys = [each.dedupe_key for each in jobs[: len(events) + 1]]
            raise _conflict(tables, on_conflict, keys, leaves)
        else:
            named[key] = held
            raised = max(tables.jobs.rows[held].priority, job.priority)
            events.append(JobReprioritized(JobId(number), held, raised))
        number += 1
    events.append(TableChanged("insert"))
    return events


def _check(jobs: Sequence[NewJob]) -> None:
    check_text(job.entrypoint for job in jobs)
    check_text(job.dedupe_key for job in jobs)
    check_json(job.headers for job in jobs)


def _conflict(
    tables: Tables,
    on_conflict: OnConflict,
    keys: Iterable[str | None],
    leaves: tuple[IdsBurned, ...],
) -> PostgresError:
    if on_conflict == "raise":
        met: list[Resource] = [("dedupe_key", key) for key in keys if key is not None]
        return UniqueViolationError.of(tables.names.dedupe_index, tuple(met), leaves)
    message = "ON CONFLICT DO UPDATE command cannot affect row a second time"
    return PostgresError("21000", message, leaves=leaves)


def _burned(tables: Tables, decided: int, sent: int) -> tuple[IdsBurned, ...]:
    """Return the ids that a statement has drawn which fails after ``decided`` of its jobs.

    The statement joins what it inserts with what was sent. A hash join, which is what PostgreSQL
    plans for batches of usual size, inserts one row, then reads all that was sent, which draws
    the ids, then goes on to insert. Older statements draw, insert and log job by job.
    """
    if tables.semantics.ids_up_front:
        return (IdsBurned("queue", sent if decided else 1),)
    drawn = IdsBurned("queue", decided + 1)
    return (drawn, IdsBurned("log", decided)) if decided else (drawn,)


def enqueued_ids(events: Sequence[StoreEvent]) -> list[JobId | None]:
    """Return one id per job that was sent: its own, that of the job it raised, or None if skipped.

    ``events`` are what ``decide_enqueue`` returned: one for each job, in their order.
    """
    ids: list[JobId | None] = []
    for event in events:
        if isinstance(event, JobEnqueued | JobReprioritized):
            ids.append(event.job_id)
        elif isinstance(event, JobDeduplicated):
            ids.append(None)
    return ids
