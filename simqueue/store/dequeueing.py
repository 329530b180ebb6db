"""Dequeue: which jobs a worker may claim now, and in which capacity slots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from simqueue.errors import UniqueViolationError
from simqueue.model.events import JobPicked, StoreEvent
from simqueue.model.ids import Duration, Instant, ManagerId
from simqueue.model.rows import JobRow
from simqueue.store.keys import Key, job_of
from simqueue.store.locks import Locks, Resource, job_rows
from simqueue.store.rejecting import check_instant, check_text
from simqueue.store.rejection import Rejection, rejected
from simqueue.store.tables import Tables

_LOWEST = -(1 << 63)


class Claim(msgspec.Struct, frozen=True):
    """A worker's request for jobs: up to ``batch_size`` of them for ``manager``.

    ``limits`` is the largest number of jobs of each entrypoint that all workers together may hold,
    0 is no limit; ``worker_limit`` is the largest number that this manager may hold. A picked job
    silent for longer than ``heartbeat_timeout`` is claimed again, whatever ``limits`` say.
    """

    batch_size: int
    limits: Mapping[str, int]
    manager: ManagerId
    worker_limit: int | None
    heartbeat_timeout: Duration


def decide_dequeue(tables: Tables, now: Instant, claim: Claim) -> list[StoreEvent]:
    """Claim jobs, most urgent first, then oldest; due jobs and silent ones in one order.

    Raises:
        Rejection: a claim would sit in a capacity slot that is taken; no timestamp lies
            ``heartbeat_timeout`` before now; or no ``bigint`` holds by how much the manager is
            beyond its limit.
    """
    candidates = _find(tables, now, claim)
    if candidates is None:
        return []
    fresh, stale, remaining, room = candidates
    keys = _merge(tables, fresh, stale, claim.batch_size)[:room]
    keys.sort()
    table = tables.jobs.rows
    rows = [table[job_of(key)] for key in keys]
    if tables.semantics.slots and any(limit > 0 for limit in claim.limits.values()):
        events = _seated(tables, rows, claim, remaining)
    else:
        events = [_claim(row, claim.manager, row.slot) for row in rows]
    check_slots(tables, events)
    return [*events]


def lock_candidates(tables: Tables, now: Instant, claim: Claim) -> list[Resource]:
    """Return the rows that a claim locks, also those that it then leaves to others."""
    candidates = _find(tables, now, claim)
    if candidates is None:
        return []
    fresh, stale, _, _ = candidates
    if tables.semantics.queue_locked:
        fresh = sorted(fresh)[: claim.batch_size]
    return job_rows(map(job_of, fresh + stale))


def _find(
    tables: Tables, now: Instant, claim: Claim
) -> tuple[list[Key], list[Key], dict[str, int | None], int] | None:
    """Return the due jobs, the silent ones, the capacity left, and how many may be claimed.

    None: the manager holds all it may.
    """
    check_text(claim.limits)
    silent = check_instant(tables.names, now - claim.heartbeat_timeout)
    room = claim.batch_size
    if claim.worker_limit is not None:
        left = claim.worker_limit - tables.jobs.load(claim.manager, claim.limits)
        if tables.semantics.capped and left < _LOWEST:
            raise rejected("22003", "bigint out of range")
        if left <= 0:
            return None
        if tables.semantics.capped:
            room = min(room, left)
    remaining = _remaining(tables, claim.limits)
    fresh = _fresh(tables, now, remaining, claim.batch_size)
    gated = remaining if tables.semantics.stale_gated else claim.limits
    return fresh, _stale(tables, now, silent, gated, claim.batch_size), remaining, room


def _merge(tables: Tables, fresh: list[Key], stale: list[Key], batch: int) -> list[Key]:
    """Return the jobs found in the order in which they are claimed."""
    if not stale:
        return sorted(fresh)[:batch]
    if tables.semantics.stale_last:
        return sorted(fresh)[:batch] + sorted(stale, key=job_of)
    return sorted(sorted(fresh)[:batch] + stale)


def _remaining(tables: Tables, limits: Mapping[str, int]) -> dict[str, int | None]:
    """Return per entrypoint with free capacity how many more it may have; None is any number."""
    remaining: dict[str, int | None] = {}
    for entrypoint, limit in limits.items():
        if limit <= 0:
            remaining[entrypoint] = None
            continue
        lane = tables.jobs.lanes.get(entrypoint)
        left = limit - len(lane.picked) if lane is not None else limit
        if left > 0:
            remaining[entrypoint] = left
    return remaining


def _fresh(
    tables: Tables, now: Instant, remaining: Mapping[str, int | None], batch: int
) -> list[Key]:
    """Return the queued jobs that are due, the first of each entrypoint, in no order."""
    semantics, locks = tables.semantics, tables.locks
    keys: list[Key] = []
    for entrypoint, left in remaining.items():
        lane = tables.jobs.lanes.get(entrypoint)
        if lane is None:
            continue
        limit = batch if left is None or not semantics.capped else min(batch, left)
        # A statement that assigns slots reads ``limit`` rows, then skips those that others have
        # locked; any other reads on until it has ``limit`` unlocked rows.
        slides = bool(locks) and (left is None or not semantics.slots)
        ripe = lane.queued.before(now, limit + len(locks) * slides, tables.jobs.rows)
        keys += unlocked(locks, ripe)[:limit] if locks else ripe
    return keys


def _stale(
    tables: Tables, now: Instant, moment: Instant, limits: Iterable[str], batch: int
) -> list[Key]:
    """Return the picked jobs silent since before ``moment``, in claiming order, at most ``batch``.

    The statement also requires ``execute_after < NOW()``, which is true of all picked jobs unless a
    statement that began later than this one picked them.
    """
    rows, locks = tables.jobs.rows, tables.locks
    keys: list[Key] = []
    for lane in tables.jobs.lanes_of(limits):
        keys += lane.picked.before(moment, batch + len(locks), rows)
    if keys:
        keys = [key for key in unlocked(locks, keys) if rows[job_of(key)].execute_after < now]
        keys.sort()
    return keys[:batch]


def unlocked(locks: Locks, keys: list[Key]) -> list[Key]:
    """Return the keys of jobs whose rows are not locked: what ``SKIP LOCKED`` leaves."""
    return [key for key in keys if ("job", job_of(key)) not in locks] if locks else keys


def _seated(
    tables: Tables,
    rows: Sequence[JobRow],
    claim: Claim,
    remaining: Mapping[str, int | None],
) -> list[JobPicked]:
    """Give fresh claims of limited entrypoints the lowest free slots; drop claims without one."""
    events: list[JobPicked] = []
    seats: dict[str, Iterator[int]] = {}
    manager, batch = claim.manager, claim.batch_size
    for row in rows:
        if row.status == "picked":
            events.append(_claim(row, manager, row.slot))
            continue
        left = remaining[row.entrypoint]
        if left is None:
            events.append(_claim(row, manager, None))
            continue
        if row.entrypoint not in seats:
            count = claim.limits[row.entrypoint] - left + min(batch, left)
            seats[row.entrypoint] = _free_slots(tables, row.entrypoint, count)
        slot = next(seats[row.entrypoint], None)
        if slot is not None:
            events.append(_claim(row, manager, slot))
    return events


def _free_slots(tables: Tables, entrypoint: str, count: int) -> Iterator[int]:
    taken = tables.jobs.lanes[entrypoint].seats
    return (slot for slot in range(count) if slot not in taken)


def _claim(row: JobRow, manager: ManagerId, slot: int | None) -> JobPicked:
    return JobPicked(row.id, manager, slot, row.queue_manager_id, row.status == "picked")


def check_slots(tables: Tables, events: Iterable[JobPicked]) -> None:
    """Check the unique index on slots: a slot that a job kept from before may be taken by now."""
    taken: dict[Resource, None] = {}
    for event in events:
        if event.slot is None:
            continue
        entrypoint = tables.jobs.rows[event.job_id].entrypoint
        holder = tables.jobs.lanes[entrypoint].seats.get(event.slot)
        slot: Resource = ("slot", (entrypoint, event.slot))
        if holder not in {None, event.job_id} or slot in taken:
            error = UniqueViolationError.of(tables.names.slot_index)
            raise Rejection(error, awaits=(*taken, slot))
        taken[slot] = None
