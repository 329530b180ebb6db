"""The schedules table."""

from __future__ import annotations

from simqueue.model.ids import ScheduleId
from simqueue.model.rows import ScheduleRow


class Schedules:
    """Rows by id, and by their unique key: expression and entrypoint."""

    def __init__(self) -> None:
        self.next_id = 1
        self.rows: dict[ScheduleId, ScheduleRow] = {}
        self.by_name: dict[tuple[str, str], ScheduleId] = {}

    def draw(self, number: int) -> None:
        """Move the sequence past an id, unless it is past it already."""
        if number >= self.next_id:
            self.next_id = number + 1

    def put(self, row: ScheduleRow) -> None:
        """Insert a row, or replace the one with its id."""
        self.rows[row.id] = row
        self.by_name[row.expression, row.entrypoint] = row.id

    def remove(self, schedule: ScheduleId) -> None:
        """Delete a row."""
        row = self.rows.pop(schedule)
        del self.by_name[row.expression, row.entrypoint]

    def truncate(self) -> None:
        """Delete every row; the sequence goes on."""
        self.rows.clear()
        self.by_name.clear()
