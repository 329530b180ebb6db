"""Enqueue: inserts jobs, except those whose dedupe key is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from simqueue.store.locks import Resource
from simqueue.store.rejecting import check_json, check_text, is_timestamp, out_of_range
from simqueue.store.rejection import Rejection, rejected
from simqueue.store.tables import Tables


class NewJob(msgspec.Struct, frozen=True):
    """A job as a client sends it; ``execute_after`` is a delay, ``headers`` JSON text.

    Older releases send columns of unequal length, and the server fills up the shorter ones with
    NULL: it rejects a job without an entrypoint, a priority or a delay.
    """

    entrypoint: str | None
    payload: bytes | None
    priority: int | None
    execute_after: Duration | None
    dedupe_key: str | None
    headers: str | None


def decide_enqueue(
    tables: Tables, now: Instant, jobs: Sequence[NewJob], on_conflict: OnConflict
) -> list[StoreEvent]:
    """Insert jobs in their order; each draws an id, whether it is inserted or not.

    Raises:
        Rejection: with ``on_conflict="raise"``, a dedupe key is that of a live job or stands twice
            in ``jobs``; with ``on_conflict="update_priority"``, a dedupe key stands twice; or the
            server refuses a text, a document or a delay. Nothing is inserted; the ids stay drawn.
    """
    _check(jobs)
    events: list[StoreEvent] = []
    number = tables.jobs.next_id
    named: dict[str, JobId] = {}
    for job in jobs:
        if job.entrypoint is None or job.priority is None or job.execute_after is None:
            leaves = _burned(tables, events, len(jobs))
            message = "null value in column violates not-null constraint"
            raise rejected("23502", message, leaves)
        due = now + job.execute_after
        if not is_timestamp(tables.names, due):
            raise out_of_range(_burned(tables, events, len(jobs)))
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
            leaves = _burned(tables, events, len(jobs))
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
) -> Rejection:
    if on_conflict == "raise":
        met: list[Resource] = [("dedupe_key", key) for key in keys if key is not None]
        return duplicate_key(tables, met, leaves)
    message = "ON CONFLICT DO UPDATE command cannot affect row a second time"
    return rejected("21000", message, leaves)


def duplicate_key(
    tables: Tables, met: Sequence[Resource], leaves: tuple[IdsBurned, ...] = ()
) -> Rejection:
    """Return the rejection for a taken dedupe key, the last resource in ``met``."""
    names, (_, key) = tables.names, met[-1]
    error = UniqueViolationError.of(names.dedupe_index)
    detail = f"Key (dedupe_key)=({key}) already exists."
    return Rejection(error.within(names.schema, names.queue_table, detail), leaves, tuple(met))


def _burned(tables: Tables, decided: Sequence[StoreEvent], sent: int) -> tuple[IdsBurned, ...]:
    """Return the ids drawn by a statement that fails after the jobs that are ``decided``.

    The statement joins what it inserts with what was sent. A hash join, which is what PostgreSQL
    plans for batches of usual size, comes to the first row that it inserts, then reads all that
    was sent, which draws the ids, then goes on to insert. Older statements draw, insert and log
    job by job.
    """
    count = len(decided)
    if tables.semantics.ids_up_front:
        inserted = any(isinstance(event, JobEnqueued | JobReprioritized) for event in decided)
        return (IdsBurned("queue", sent if inserted else count + 1),)
    drawn = IdsBurned("queue", count + 1)
    return (drawn, IdsBurned("log", count)) if count else (drawn,)


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
