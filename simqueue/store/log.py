"""The log table: every status that a job has had, and which rows are not yet aggregated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from simqueue.model.ids import Bucket, Instant, JobId, Status
from simqueue.model.rows import LogRow
from simqueue.store.names import Names
from simqueue.store.statistics import SECOND


class Log:
    """Rows by id, ascending; the last ``unaggregated`` of them are in no statistics yet.

    Rows are added in the order of their commits, which is mostly, but not always, that of
    ``created``.

    The indexes of rows by job and of exceptions are brought up to date by the reads that need them,
    so that runs without such reads do not pay for them; each row is entered once.
    """

    __slots__ = (
        "_by_job", "_exceptions", "_in_order", "_latest", "_unindexed",
        "next_id", "rows", "unaggregated",
    )  # fmt: skip

    def __init__(self) -> None:
        self.next_id = 1
        self.rows: dict[int, LogRow] = {}
        self.unaggregated = 0
        self._latest = Instant(-(1 << 63))
        self._in_order = True
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
        if at < self._latest:
            self._in_order = False
        else:
            self._latest = at

    def buckets(self, names: Names) -> dict[Bucket, int]:
        """Return how many rows that are in no statistics yet fall into each bucket."""
        counts: dict[Bucket, int] = {}
        for row in self.fresh():
            second = names.truncate(row.created, SECOND)
            bucket = (row.entrypoint, row.priority, row.status, second)
            counts[bucket] = counts.get(bucket, 0) + 1
        return counts

    def aggregate(self, below: int | None = None) -> None:
        """Mark the rows with an id ``below``, or all, as aggregated."""
        for row in self.fresh(below):
            self.rows[row.id] = LogRow(
                row.id, row.created, row.job_id, row.status, row.priority, row.entrypoint,
                row.traceback, True,
            )  # fmt: skip
            self.unaggregated -= 1

    def of_job(self, job: JobId, limit: int) -> list[LogRow]:
        """Return a job's first rows in the order they were created."""
        self._index()
        rows = [self.rows[number] for number in self._by_job.get(job, ())]
        if not self._in_order:
            rows.sort(key=_age)
        return rows[:limit]

    def last_status(self, job: JobId) -> Status | None:
        """Return the status a job was last logged with, or None."""
        self._index()
        numbers = self._by_job.get(job)
        if not numbers:
            return None
        if self._in_order:
            return self.rows[numbers[-1]].status
        return max((self.rows[number] for number in numbers), key=_age).status

    def exceptions(self) -> Iterator[LogRow]:
        """Yield the rows with status ``exception``, the newest first."""
        self._index()
        rows = [self.rows[number] for number in self._exceptions]
        if not self._in_order:
            rows.sort(key=_age)
        return reversed(rows)

    def since(self, moment: Instant) -> list[LogRow]:
        """Return the rows with ``created > moment``, in the order they came."""
        if not self._in_order:
            return [row for row in self.rows.values() if row.created > moment]
        rows = []
        for row in reversed(self.rows.values()):
            if row.created <= moment:
                break
            rows.append(row)
        return rows[::-1]

    def fresh(self, below: int | None = None) -> list[LogRow]:
        """Return the rows that are in no statistics yet, or those of them with an id ``below``."""
        rows = self._last(self.unaggregated)
        return rows if below is None else [row for row in rows if row.id < below]

    def of_entrypoints(self, entrypoints: Iterable[str], below: int | None = None) -> set[int]:
        """Return the ids of the rows of these entrypoints, or those of them ``below`` one."""
        named = set(entrypoints)
        end = self.next_id if below is None else below
        return {
            number for number, row in self.rows.items() if row.entrypoint in named and number < end
        }

    def clear(self, entrypoints: Iterable[str] | None, below: int | None = None) -> None:
        """Delete the rows of these entrypoints and ids, or all; the sequence goes on."""
        if entrypoints is None:
            self.rows = {}
        else:
            gone = self.of_entrypoints(entrypoints, below)
            self.rows = {number: row for number, row in self.rows.items() if number not in gone}
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


def _age(row: LogRow) -> tuple[Instant, int]:
    return row.created, row.id
