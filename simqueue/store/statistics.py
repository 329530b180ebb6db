"""The statistics table: how many log rows fell into each second."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from simqueue.model.ids import MICROSECONDS, Bucket, Duration
from simqueue.model.rows import StatisticsRow

SECOND = Duration(MICROSECONDS)


class Statistics:
    """Rows by id, one for each bucket."""

    def __init__(self) -> None:
        self.next_id = 1
        """The value of the sequence."""
        self.rows: dict[int, StatisticsRow] = {}
        self._buckets: dict[Bucket, int] = {}

    def add(self, counts: Iterable[tuple[Bucket, int]]) -> None:
        """Add counts; an id is drawn for each bucket, also for an existing one."""
        for bucket, count in counts:
            self._count(bucket, count, self.next_id)
            self.next_id += 1

    def of_entrypoints(self, entrypoints: Iterable[str], below: int | None = None) -> list[Bucket]:
        """Return the buckets of these entrypoints, or those of them with an id ``below``."""
        named = set(entrypoints)
        end = self.next_id if below is None else below
        # In the order of ids: rows are locked one by one, and a set's order depends on string
        # hashes.
        return [
            bucket
            for bucket, number in self._buckets.items()
            if bucket[0] in named and number < end
        ]

    def _count(self, bucket: Bucket, count: int, number: int) -> None:
        there = self._buckets.get(bucket)
        if there is not None:
            row = self.rows[there]
            self.rows[there] = msgspec.structs.replace(row, count=row.count + count)
            return
        entrypoint, priority, status, created = bucket
        self._buckets[bucket] = number
        self.rows[number] = StatisticsRow(number, created, count, priority, status, entrypoint)

    def clear(self, entrypoints: Iterable[str] | None, below: int | None = None) -> None:
        """Delete the rows of these entrypoints and ids, or all; the sequence goes on."""
        gone = self._buckets if entrypoints is None else self.of_entrypoints(entrypoints, below)
        for bucket in list(gone):
            del self.rows[self._buckets.pop(bucket)]
