"""Schedules: which worker claims which tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simqueue.model.events import (
    IdsBurned,
    ScheduleDeleted,
    ScheduleInserted,
    ScheduleKept,
    SchedulePicked,
    ScheduleReleased,
    SchedulesBeat,
    SchedulesTruncated,
    StoreEvent,
)
from simqueue.model.ids import Duration, Instant, ScheduleId
from simqueue.model.rows import ScheduleRow
from simqueue.store.rejecting import check_instant, check_text, is_timestamp, out_of_range
from simqueue.store.statistics import SECOND
from simqueue.store.tables import Tables

STALE_US = 30_000_000
"""A picked schedule silent for longer is claimed again; the statement has it as a literal."""

Registered = tuple[str, str, Duration]
"""Cron expression, entrypoint, and the delay to its next tick as the client computed it."""


def decide_insert_schedules(
    tables: Tables, now: Instant, registered: Sequence[Registered]
) -> list[StoreEvent]:
    """Register schedules that do not exist yet; each draws an id, inserted or not.

    Raises:
        Rejection: a next run is no timestamp.
    """
    check_text(
        text for expression, entrypoint, _ in registered for text in (expression, entrypoint)
    )
    events: list[StoreEvent] = []
    number = tables.schedules.next_id
    known = tables.schedules.by_name
    added: dict[tuple[str, str], ScheduleId] = {}
    for expression, entrypoint, delay in registered:
        if not is_timestamp(tables.names, now + delay):
            # Each row's id is drawn before its times are computed.
            raise out_of_range((IdsBurned("schedules", len(events) + 1),))
        due = tables.names.truncate(Instant(now + delay), SECOND)
        name = (expression, entrypoint)
        there = known.get(name) or added.get(name)
        if there is not None:
            events.append(ScheduleKept(ScheduleId(number), there))
        else:
            added[name] = ScheduleId(number)
            events.append(ScheduleInserted(ScheduleId(number), expression, entrypoint, due))
        number += 1
    return events


def decide_fetch_schedules(
    tables: Tables, now: Instant, registered: Sequence[Registered]
) -> list[StoreEvent]:
    """Claim the schedules that are due, or whose holder stopped sending heartbeats.

    The next run is now plus the delay that the client computed before it sent the statement.
    """
    check_text(text for each in registered for text in each[:2])
    events: list[StoreEvent] = []
    for row, delay in _registered_rows(tables, registered):
        if ("schedule", row.id) in tables.locks:
            continue
        stale = row.status == "picked" and now - row.heartbeat > STALE_US
        if stale or (row.status == "queued" and row.next_run <= now):
            next_run = tables.names.truncate(check_instant(tables.names, now + delay), SECOND)
            events.append(SchedulePicked(row.id, row.next_run, next_run, stale))
    return events


def _registered_rows(
    tables: Tables, registered: Sequence[Registered]
) -> Iterable[tuple[ScheduleRow, Duration]]:
    delays = {}
    for expression, entrypoint, delay in registered:
        number = tables.schedules.by_name.get((expression, entrypoint))
        if number is not None:
            delays[number] = delay
    return ((tables.schedules.rows[number], delays[number]) for number in sorted(delays))


def decide_release_schedules(
    tables: Tables, now: Instant, ids: Iterable[ScheduleId]
) -> list[StoreEvent]:
    """Give schedules back; their last run is now."""
    return [ScheduleReleased(number) for number in _present(tables, ids)]


def decide_beat_schedules(
    tables: Tables, now: Instant, ids: Iterable[ScheduleId]
) -> list[StoreEvent]:
    """Set heartbeats to now."""
    beating = tuple(_present(tables, ids))
    return [SchedulesBeat(beating)] if beating else []


def decide_delete_schedules(
    tables: Tables, now: Instant, ids: Iterable[ScheduleId], entrypoints: Iterable[str]
) -> list[StoreEvent]:
    """Delete schedules by id or entrypoint."""
    by_id, by_entrypoint = set(ids), set(entrypoints)
    check_text(by_entrypoint)
    return [
        ScheduleDeleted(row.id)
        for row in tables.schedules.rows.values()
        if row.id in by_id or row.entrypoint in by_entrypoint
    ]


def decide_truncate_schedules(tables: Tables, now: Instant) -> list[StoreEvent]:
    """Delete every schedule."""
    return [SchedulesTruncated()]


def _present(tables: Tables, ids: Iterable[ScheduleId]) -> list[ScheduleId]:
    return sorted(number for number in set(ids) if number in tables.schedules.rows)
