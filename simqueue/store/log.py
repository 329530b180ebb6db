"""The log table: every status a job has had, and what is not yet aggregated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from simqueue.model.ids import Instant, JobId, Status
from simqueue.model.rows import LogRow


class Log:
    """Rows by id, ascending; the last ``unaggregated`` of them are in no statistics yet.

    Rows by job and exceptions are found through indexes that readers bring up to date, so that
    nobody pays for them who never asks; each row enters once.
    """

    __slots__ = ("_by_job", "_exceptions", "_unindexed", "next_id", "rows", "unaggregated")

    def __init__(self) -> None:
        self.next_id = 1
        self.rows: dict[int, LogRow] = {}
        self.unaggregated = 0
        self._forget()

    def append(
        self,
        at: Instant,
        job: JobId,
        status: Status,
        priority: int,
        entrypoint: str,
        *,
        traceback: str | None = None,
    ) -> None:
        """Add a row."""
        number = self.next_id
        self.next_id = number + 1
        self.rows[number] = LogRow(number, at, job, status, priority, entrypoint, traceback, False)
        self.unaggregated += 1
        self._unindexed += 1

    def aggregate(self) -> list[LogRow]:
        """Mark all rows as aggregated; return those that were not, in the order they came."""
        fresh = self._last(self.unaggregated)
        for row in fresh:
            self.rows[row.id] = LogRow(
                row.id, row.created, row.job_id, row.status, row.priority, row.entrypoint,
                row.traceback, True,
            )  # fmt: skip
        self.unaggregated = 0
        return fresh

    def of_job(self, job: JobId, limit: int) -> list[LogRow]:
        """Return a job's first rows in the order they came."""
        self._index()
        return [self.rows[number] for number in self._by_job.get(job, ())[:limit]]

    def last_status(self, job: JobId) -> Status | None:
        """Return the status a job was last logged with, or None."""
        self._index()
        numbers = self._by_job.get(job)
        return self.rows[numbers[-1]].status if numbers else None

    def exceptions(self) -> Iterator[LogRow]:
        """Yield the rows with status ``exception``, the newest first."""
        self._index()
        return (self.rows[number] for number in reversed(self._exceptions))

    def since(self, moment: Instant) -> list[LogRow]:
        """Return the rows with ``created > moment``, in the order they came."""
        found = []
        for row in reversed(self.rows.values()):
            if row.created <= moment:
                break
            found.append(row)
        return found[::-1]

    def clear(self, entrypoints: Iterable[str] | None) -> None:
        """Delete the rows of these entrypoints, or all; the sequence goes on."""
        gone = None if entrypoints is None else set(entrypoints)
        self.rows = {
            number: row
            for number, row in self.rows.items()
            if gone is not None and row.entrypoint not in gone
        }
        self.unaggregated = sum(not row.aggregated for row in self.rows.values())
        self._forget()

    def _last(self, count: int) -> list[LogRow]:
        return list(islice(reversed(self.rows.values()), count))[::-1]

    def _forget(self) -> None:
        self._by_job: dict[JobId, list[int]] = {}
        self._exceptions: list[int] = []
        self._unindexed = len(self.rows)

    def _index(self) -> None:
        for row in self._last(self._unindexed):
            self._by_job.setdefault(row.job_id, []).append(row.id)
            if row.status == "exception":
                self._exceptions.append(row.id)
        self._unindexed = 0
