"""The log table: every status a job has had, and what is not yet aggregated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from simqueue.model.ids import Instant, JobId, Status
from simqueue.model.rows import LogRow


class Log:
    """Rows by id, by job and by status; ``fresh`` are those that no statistics count yet."""

    def __init__(self) -> None:
        self.next_id = 1
        self.fresh: dict[int, None] = {}
        self._rows: dict[int, LogRow] = {}
        self._by_job: dict[JobId, list[int]] = {}
        self._exceptions: dict[int, None] = {}

    @property
    def rows(self) -> dict[int, LogRow]:
        """Rows by id, ascending."""
        return {number: self._read(number) for number in self._rows}

    def append(
        self, at: Instant, job: JobId, status: Status, priority: int, entrypoint: str,
        traceback: str | None = None,
    ) -> None:  # fmt: skip
        """Add a row."""
        number = self.next_id
        self.next_id = number + 1
        self._rows[number] = LogRow(number, at, job, status, priority, entrypoint, traceback, False)
        self.fresh[number] = None
        self._by_job.setdefault(job, []).append(number)
        if status == "exception":
            self._exceptions[number] = None

    def unaggregated(self) -> Iterator[LogRow]:
        """Yield the rows that no statistics count yet, in the order they came."""
        return (self._rows[number] for number in self.fresh)

    def of_job(self, job: JobId) -> list[LogRow]:
        """Return a job's rows in the order they came."""
        return [self._read(number) for number in self._by_job.get(job, ())]

    def last_status(self, job: JobId) -> Status | None:
        """Return the status a job was last logged with, or None."""
        numbers = self._by_job.get(job)
        return self._rows[numbers[-1]].status if numbers else None

    def exceptions(self) -> list[LogRow]:
        """Return the rows with status ``exception``, in the order they came."""
        return [self._read(number) for number in self._exceptions]

    def since(self, moment: Instant) -> list[LogRow]:
        """Return the rows with ``created > moment``, in the order they came."""
        found = []
        for row in reversed(self._rows.values()):
            if row.created <= moment:
                break
            found.append(row)
        return found[::-1]

    def clear(self, entrypoints: Iterable[str] | None) -> None:
        """Delete the rows of these entrypoints, or all."""
        if entrypoints is None:
            kept: list[LogRow] = []
        else:
            gone = set(entrypoints)
            kept = [row for row in self._rows.values() if row.entrypoint not in gone]
        fresh, next_id = self.fresh, self.next_id
        self.__init__()  # type: ignore[misc]
        self.next_id = next_id
        for row in kept:
            self._keep(row, fresh=row.id in fresh)

    def _keep(self, row: LogRow, *, fresh: bool) -> None:
        self._rows[row.id] = row
        self._by_job.setdefault(row.job_id, []).append(row.id)
        if fresh:
            self.fresh[row.id] = None
        if row.status == "exception":
            self._exceptions[row.id] = None

    def _read(self, number: int) -> LogRow:
        row = self._rows[number]
        return row if number in self.fresh else msgspec.structs.replace(row, aggregated=True)
