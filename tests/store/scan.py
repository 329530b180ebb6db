"""What statements mean, by scanning every row: slow, plain, and close to the words of the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simqueue.model.ids import Status
from simqueue.model.rows import JobRow


class Claim(NamedTuple):
    """A claim that a dequeue makes."""

    job: int
    slot: int | None
    stale: bool


def most_urgent(rows: Iterable[JobRow]) -> list[JobRow]:
    """Order by priority, descending, then id."""
    return sorted(rows, key=lambda row: (-row.priority, row.id))


def queued(rows: Iterable[JobRow], entrypoints: Iterable[str]) -> list[JobRow]:
    names = set(entrypoints)
    return [row for row in rows if row.status == "queued" and row.entrypoint in names]


def with_status(rows: Iterable[JobRow], status: Status) -> list[int]:
    return sorted(row.id for row in rows if row.status == status)


def claims(
    rows: list[JobRow],
    now: int,
    *,
    batch: int,
    limits: Mapping[str, int],
    manager: str,
    worker_limit: int | None,
    timeout: int,
) -> list[Claim] | None:
    """Return what a dequeue claims, most urgent first; None if two jobs would sit in one slot."""
    load = sum(row.queue_manager_id == manager and row.entrypoint in limits for row in rows)
    if worker_limit is not None and load >= worker_limit:
        return []
    headroom = batch if worker_limit is None else min(batch, worker_limit - load)
    due = [row for row in queued(rows, limits) if row.execute_after < now]
    fresh = most_urgent(
        row
        for name, limit in limits.items()
        for row in most_urgent(r for r in due if r.entrypoint == name)[: _room(rows, name, limit)]
    )[:batch]
    stale = most_urgent(
        row
        for row in rows
        if row.status == "picked"
        and row.entrypoint in limits
        and row.heartbeat < now - timeout
        and row.execute_after < now
    )[:batch]
    eligible = most_urgent(fresh + stale)[:headroom]
    made = _seat(rows, eligible, limits)
    return None if _collide(rows, made) else made


def _room(rows: list[JobRow], entrypoint: str, limit: int) -> int | None:
    held = sum(row.queue_manager_id is not None and row.entrypoint == entrypoint for row in rows)
    return max(limit - held, 0) if limit > 0 else None


def _seat(rows: list[JobRow], eligible: list[JobRow], limits: Mapping[str, int]) -> list[Claim]:
    gated = any(limit > 0 for limit in limits.values())
    taken = {(row.entrypoint, row.slot) for row in rows if row.status == "picked"}
    made = []
    for row in eligible:
        slot = row.slot
        if gated and row.status == "queued":
            slot = None
            if limits[row.entrypoint] > 0:
                slot = next(n for n in range(len(rows) + 1) if (row.entrypoint, n) not in taken)
                taken.add((row.entrypoint, slot))
        made.append(Claim(row.id, slot, row.status == "picked"))
    return made


def _collide(rows: list[JobRow], made: list[Claim]) -> bool:
    slots: dict[int, int | None] = {row.id: row.slot for row in rows if row.status == "picked"}
    slots |= {claim.job: claim.slot for claim in made}
    names: dict[int, str] = {row.id: row.entrypoint for row in rows}
    seats = [(names[job], slot) for job, slot in slots.items() if slot is not None]
    return len(seats) != len(set(seats))
