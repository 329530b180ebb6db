"""A database's content as one plain value, to compare and to print."""

from __future__ import annotations

import msgspec

from simqueue.model.rows import JobRow, LogRow, ScheduleRow, StatisticsRow
from simqueue.store.tables import Tables


class Snapshot(msgspec.Struct, frozen=True):
    """Every row of the four tables by id, and the values of their sequences, in the same order."""

    jobs: tuple[JobRow, ...]
    log: tuple[LogRow, ...]
    statistics: tuple[StatisticsRow, ...]
    schedules: tuple[ScheduleRow, ...]
    sequences: tuple[int, int, int, int]


def snapshot(tables: Tables) -> Snapshot:
    """Return the content of ``tables``."""
    held = (tables.jobs, tables.log, tables.statistics, tables.schedules)
    return Snapshot(
        jobs=tuple(sorted(tables.jobs.rows.values(), key=lambda row: row.id)),
        log=tuple(tables.log.rows.values()),
        statistics=tuple(sorted(tables.statistics.rows.values(), key=lambda row: row.id)),
        schedules=tuple(sorted(tables.schedules.rows.values(), key=lambda row: row.id)),
        sequences=(held[0].next_id, held[1].next_id, held[2].next_id, held[3].next_id),
    )
