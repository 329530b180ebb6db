"""Dequeue: which jobs a worker may claim now, and in which capacity slots."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import itemgetter

from simqueue.errors import UniqueViolationError
from simqueue.model.events import JobPicked, StoreEvent
from simqueue.model.ids import Duration, Instant, ManagerId
from simqueue.model.rows import JobRow
from simqueue.store.tables import Tables

Claim = tuple[int, int, JobRow]
"""A job with what it is sorted by: negated priority, then id."""


def decide_dequeue(
    tables: Tables,
    now: Instant,
    *,
    batch_size: int,
    limits: Mapping[str, int],
    manager: ManagerId,
    worker_limit: int | None,
    heartbeat_timeout: Duration,
) -> list[StoreEvent]:
    """Claim up to ``batch_size`` jobs for ``manager``, most urgent first, then oldest.

    Queued jobs that are due and picked jobs that fell silent compete in one order.

    Args:
        limits: per entrypoint how many jobs all workers together may hold; 0 is no limit.
        worker_limit: how many jobs of these entrypoints this manager may hold, or None.
        heartbeat_timeout: a picked job silent for longer is claimed anew, whatever the limits.

    Raises:
        UniqueViolationError: a claim would sit in a capacity slot that is taken.
    """
    room = batch_size
    if worker_limit is not None:
        room = min(batch_size, worker_limit - tables.jobs.load(manager, limits))
        if room <= 0:
            return []
    remaining = _remaining(tables, limits)
    fresh = _fresh(tables, now, remaining, batch_size)
    stale = _stale(tables, now, limits, heartbeat_timeout, batch_size)
    eligible = _first(heapq.merge(fresh, stale) if stale else fresh, room)
    if any(limit > 0 for limit in limits.values()):
        events = _seated(tables, eligible, limits, remaining, manager, batch_size)
    else:
        events = [_claim(row, manager, row.slot) for row in eligible]
    _check_slots(tables, events)
    return list(events)


def _remaining(tables: Tables, limits: Mapping[str, int]) -> dict[str, int | None]:
    """Return per entrypoint with free capacity how many more it may have; None is any number."""
    remaining: dict[str, int | None] = {}
    for entrypoint, limit in limits.items():
        if limit <= 0:
            remaining[entrypoint] = None
        elif tables.jobs.held(entrypoint) < limit:
            remaining[entrypoint] = limit - tables.jobs.held(entrypoint)
    return remaining


def _fresh(
    tables: Tables, now: Instant, remaining: Mapping[str, int | None], batch: int
) -> list[Claim]:
    """Return the queued jobs that are due, in claiming order, at most ``batch``."""
    claims: list[Claim] = []
    for entrypoint, left in remaining.items():
        backlog = tables.jobs.backlogs.get(entrypoint)
        if backlog is not None:
            limit = batch if left is None else min(batch, left)
            claims += _sortable(backlog.due(now, tables.jobs.rows, limit))
    if len(remaining) > 1:
        claims.sort(key=_ORDER)
    return claims[:batch]


def _stale(
    tables: Tables, now: Instant, limits: Mapping[str, int], timeout: Duration, batch: int
) -> list[Claim]:
    """Return the picked jobs whose holder fell silent, in claiming order, at most ``batch``."""
    silent = (
        row
        for row in tables.jobs.silent_since(Instant(now - timeout))
        if row.entrypoint in limits and row.execute_after < now
    )
    return sorted(_sortable(silent), key=_ORDER)[:batch]


def _sortable(rows: Iterable[JobRow]) -> Iterator[Claim]:
    return ((-row.priority, row.id, row) for row in rows)


_ORDER = itemgetter(0, 1)


def _first(claims: Iterable[Claim], limit: int) -> list[JobRow]:
    return [row for _, _, row in islice(claims, limit)]


def _seated(
    tables: Tables,
    eligible: list[JobRow],
    limits: Mapping[str, int],
    remaining: Mapping[str, int | None],
    manager: ManagerId,
    batch: int,
) -> list[JobPicked]:
    """Give each fresh claim of a limited entrypoint the lowest free slot; who gets none is left."""
    events = []
    seats: dict[str, Iterator[int]] = {}
    for row in eligible:
        if row.status == "picked":
            events.append(_claim(row, manager, row.slot))
            continue
        left = remaining[row.entrypoint]
        if left is None:
            events.append(_claim(row, manager, None))
            continue
        if row.entrypoint not in seats:
            count = limits[row.entrypoint] - left + min(batch, left)
            seats[row.entrypoint] = _free_slots(tables, row.entrypoint, count)
        slot = next(seats[row.entrypoint], None)
        if slot is not None:
            events.append(_claim(row, manager, slot))
    return events


def _free_slots(tables: Tables, entrypoint: str, count: int) -> Iterator[int]:
    holder = tables.jobs.slot_holder
    return (slot for slot in range(count) if holder(entrypoint, slot) is None)


def _claim(row: JobRow, manager: ManagerId, slot: int | None) -> JobPicked:
    return JobPicked(row.id, manager, slot, row.queue_manager_id, row.status == "picked")


def _check_slots(tables: Tables, events: list[JobPicked]) -> None:
    """Hold the unique index on (entrypoint, slot): a slot kept from an earlier life may be taken."""
    taken: set[tuple[str, int]] = set()
    for event in events:
        if event.slot is None:
            continue
        seat = (tables.jobs.rows[event.job_id].entrypoint, event.slot)
        if tables.jobs.slot_holder(*seat) not in (None, event.job_id) or seat in taken:
            raise UniqueViolationError.of(tables.names.slot_index)
        taken.add(seat)
