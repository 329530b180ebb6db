"""History: the versions of rows, and the events that replaced one by another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from simqueue.model.ids import EntryNumber
from simqueue.model.rows import JobRow, LogRow, ScheduleRow, StatisticsRow
from simqueue.report.tables import render_cell

Row = JobRow | ScheduleRow | LogRow | StatisticsRow


class Change(msgspec.Struct, frozen=True):
    """An event put a row in place of another: None before is an insert, None after a delete."""

    event: EntryNumber
    before: Row | None
    after: Row | None

    @property
    def row(self) -> Row:
        """The row after the change, or before it if it is deleted."""
        return [row for row in (self.before, self.after) if row is not None][-1]


COLUMNS: dict[type, tuple[str, tuple[str, ...]]] = {
    JobRow: (
        "jobs",
        (
            "id", "entrypoint", "status", "queue_manager_id", "slot", "attempts", "priority",
            "execute_after", "heartbeat", "updated", "created", "dedupe_key", "payload", "headers",
        ),
    ),
    ScheduleRow: (
        "schedules",
        (
            "id", "entrypoint", "expression", "status", "next_run", "last_run", "heartbeat",
            "updated", "created",
        ),
    ),
    LogRow: (
        "log",
        (
            "id", "job_id", "status", "created", "entrypoint", "priority", "aggregated",
            "traceback",
        ),
    ),
    StatisticsRow: (
        "statistics",
        ("id", "entrypoint", "status", "count", "created", "priority"),
    ),
}  # fmt: skip
"""The tables in the page's order, with their columns, the most interesting ones first."""

_TABLES = list(COLUMNS)


class History(msgspec.Struct, frozen=True):
    """Tables through time: ``rows`` are lists of places in ``texts``, ``changes`` places in it.

    A change is the event, the table, the row's id, and its version before and after, -1 for none.
    On a page that leaves events out, ``hidden`` has for each table how many rows it leaves out as
    well, after which events, wherever that number changes.
    """

    tables: list[tuple[str, tuple[str, ...]]]
    texts: list[str]
    rows: list[tuple[int, ...]]
    changes: list[tuple[int, int, int, int, int]]
    hidden: list[list[tuple[int, int]]] | msgspec.UnsetType = msgspec.UNSET


def tell_history(changes: Sequence[Change], manager: Callable[[str], str]) -> History:
    """Return changes as the page reads them; ``manager`` returns a manager's name."""
    texts: dict[str, int] = {}
    versions: dict[tuple[int, ...], int] = {}

    def version(row: Row | None) -> int:
        if row is None:
            return -1
        _, fields = COLUMNS[type(row)]
        cells = tuple(texts.setdefault(_text(row, field, manager), len(texts)) for field in fields)
        return versions.setdefault(cells, len(versions))

    changed: list[tuple[int, int, int, int, int]] = [
        (
            change.event, _TABLES.index(type(change.row)), change.row.id,
            version(change.before), version(change.after),
        )
        for change in changes
    ]  # fmt: skip
    return History(list(COLUMNS.values()), list(texts), list(versions), changed)


def _text(row: Row, field: str, manager: Callable[[str], str]) -> str:
    value = getattr(row, field) if field == "queue_manager_id" else None
    return render_cell(row, field) if value is None else manager(value)
