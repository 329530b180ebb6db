"""The schedule port."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pgqueuer.domain import models

from simqueue.adapter import arguments
from simqueue.adapter.port import Port
from simqueue.adapter.statements import changing, reading
from simqueue.adapter.translation import build_schedules, microseconds
from simqueue.model.events import SchedulePicked, StoreEvent
from simqueue.model.ids import Duration, Instant
from simqueue.model.rows import ScheduleRow
from simqueue.store import (
    Statement,
    Tables,
    decide_beat_schedules,
    decide_delete_schedules,
    decide_fetch_schedules,
    decide_insert_schedules,
    decide_release_schedules,
    decide_truncate_schedules,
    select_peek_schedule,
)

if TYPE_CHECKING:
    from pgqueuer.domain import types

    Delays = dict[models.CronExpressionEntrypoint, timedelta]


class ScheduleQueries(Port):
    """Statements on the schedules table."""

    async def insert_schedule(self, schedules: Delays) -> None:
        """Insert schedules that are not there yet."""
        await self._run(changing("insert_schedule", decide_insert_schedules, _named(schedules)))

    async def fetch_schedule(self, entrypoints: Delays) -> list[models.Schedule]:
        """Claim the schedules that are due."""
        claim = partial(decide_fetch_schedules, registered=_named(entrypoints))
        statement = Statement("fetch_schedule", claim, _picked_rows)
        return build_schedules(*await self._run_dated(statement))

    async def set_schedule_queued(self, ids: set[types.ScheduleId]) -> None:
        """Release schedules."""
        numbers = arguments.schedule_ids(ids)
        await self._run(changing("set_schedule_queued", decide_release_schedules, numbers))

    async def update_schedule_heartbeat(self, ids: set[types.ScheduleId]) -> None:
        """Set heartbeats to now."""
        beating = arguments.schedule_ids(ids)
        await self._run(changing("update_schedule_heartbeat", decide_beat_schedules, beating))

    async def peek_schedule(self) -> list[models.Schedule]:
        """Return all schedules by their last run."""
        statement = reading("peek_schedule", select_peek_schedule)
        return build_schedules(*await self._run_dated(statement))

    async def delete_schedule(
        self, ids: set[types.ScheduleId], entrypoints: set[types.CronEntrypoint]
    ) -> None:
        """Delete schedules by id or entrypoint."""
        names = sorted(arguments.text(name) for name in entrypoints)
        numbers = arguments.schedule_ids(ids)
        await self._run(changing("delete_schedule", decide_delete_schedules, numbers, names))

    async def clear_schedule(self) -> None:
        """Delete all schedules."""
        await self._run(changing("clear_schedule", decide_truncate_schedules))


def _named(delays: Delays) -> list[tuple[str, str, Duration]]:
    return [
        (arguments.text(key.expression), arguments.text(key.entrypoint), microseconds(delay))
        for key, delay in delays.items()
    ]


def _picked_rows(tables: Tables, now: Instant, events: list[StoreEvent]) -> list[ScheduleRow]:
    rows = tables.schedules.rows
    return [rows[event.schedule_id] for event in events if isinstance(event, SchedulePicked)]
