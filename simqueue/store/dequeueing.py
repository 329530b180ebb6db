"""Dequeue: which jobs a worker may claim now, and in which capacity slots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from simqueue.errors import UniqueViolationError
from simqueue.model.events import JobPicked, StoreEvent
from simqueue.model.ids import Duration, Instant, ManagerId
from simqueue.model.rows import JobRow
from simqueue.store.keys import Key, job_of
from simqueue.store.rejecting import check_instant, check_text
from simqueue.store.tables import Tables


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

    Queued jobs that are due and picked jobs that fell silent compete in one order. ``limits``
    says per entrypoint how many jobs all workers together may hold, 0 is no limit;
    ``worker_limit`` how many jobs of these entrypoints this manager may hold. A picked job
    silent for longer than ``heartbeat_timeout`` is claimed anew, whatever ``limits`` say.

    Raises:
        UniqueViolationError: a claim would sit in a capacity slot that is taken.
        PostgresError: no timestamp lies ``heartbeat_timeout`` before now.
    """
    check_text(limits)
    silent = check_instant(tables.names, now - heartbeat_timeout)
    room = batch_size
    if worker_limit is not None:
        room = min(batch_size, worker_limit - tables.jobs.load(manager, limits))
        if room <= 0:
            return []
    remaining = _remaining(tables, limits)
    keys = _fresh(tables, now, remaining, batch_size)
    stale = _stale(tables, silent, limits, batch_size)
    if stale:
        keys = sorted(keys + stale)
    table = tables.jobs.rows
    rows = [table[job_of(key)] for key in keys[:room]]
    if any(limit > 0 for limit in limits.values()):
        events = _seated(tables, rows, limits, remaining, manager=manager, batch=batch_size)
    else:
        events = [_claim(row, manager, row.slot) for row in rows]
    _check_slots(tables, events)
    return [*events]


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
    """Return the queued jobs that are due, in claiming order, at most ``batch``."""
    keys: list[Key] = []
    for entrypoint, left in remaining.items():
        lane = tables.jobs.lanes.get(entrypoint)
        if lane is not None:
            limit = batch if left is None else min(batch, left)
            keys += lane.queued.before(now, limit, tables.jobs.rows)
    keys.sort()
    return keys[:batch]


def _stale(tables: Tables, moment: Instant, limits: Mapping[str, int], batch: int) -> list[Key]:
    """Return the picked jobs silent since before ``moment``, in claiming order, at most ``batch``.

    The statement asks for ``execute_after < NOW()`` too, which held when the job was picked.
    """
    keys: list[Key] = []
    for lane in tables.jobs.lanes_of(limits):
        keys += lane.picked.before(moment, batch, tables.jobs.rows)
    keys.sort()
    return keys[:batch]


def _seated(
    tables: Tables,
    rows: Sequence[JobRow],
    limits: Mapping[str, int],
    remaining: Mapping[str, int | None],
    *,
    manager: ManagerId,
    batch: int,
) -> list[JobPicked]:
    """Give each fresh claim of a limited entrypoint the lowest free slot; who gets none is left."""
    events: list[JobPicked] = []
    seats: dict[str, Iterator[int]] = {}
    for row in rows:
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
    taken = tables.jobs.lanes[entrypoint].seats
    return (slot for slot in range(count) if slot not in taken)


def _claim(row: JobRow, manager: ManagerId, slot: int | None) -> JobPicked:
    return JobPicked(row.id, manager, slot, row.queue_manager_id, row.status == "picked")


def _check_slots(tables: Tables, events: Iterable[JobPicked]) -> None:
    """Hold the unique index on slots: one that a job kept from an earlier life may be taken."""
    taken: set[tuple[str, int]] = set()
    for event in events:
        if event.slot is None:
            continue
        entrypoint = tables.jobs.rows[event.job_id].entrypoint
        holder = tables.jobs.lanes[entrypoint].seats.get(event.slot)
        if holder not in {None, event.job_id} or (entrypoint, event.slot) in taken:
            raise UniqueViolationError.of(tables.names.slot_index)
        taken.add((entrypoint, event.slot))
