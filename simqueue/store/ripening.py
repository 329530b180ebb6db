"""Jobs that become claimable as time passes: queued ones when due, picked ones when silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from simqueue.model.ids import Instant, JobId
from simqueue.model.rows import JobRow
from simqueue.store.keys import ID_BITS, Key, SortedKeys, job_of


class Ripening:
    """Jobs by the moment each ripens; those that are ripe by priority, then id.

    ``_ripe`` holds the jobs whose moment lies before ``_border``, ``_unripe`` the rest. A read
    moves the border up to its own time: that changes which set holds a job, never the result. So
    each job moves once, and no read scans unripe jobs repeatedly. A read with a time before the
    border gets the right answer too, by a scan.
    """

    __slots__ = ("_border", "_moment", "_ripe", "_unripe")

    def __init__(self, moment: Callable[[JobRow], Instant]) -> None:
        self._moment = moment
        self._border = Instant(0)
        self._ripe = SortedKeys()
        self._unripe = SortedKeys()

    def __len__(self) -> int:
        return len(self._ripe) + len(self._unripe)

    def __iter__(self) -> Iterator[JobId]:
        yield from map(job_of, self._ripe)
        yield from map(job_of, self._unripe)

    def add(self, row: JobRow) -> None:
        """Add a job."""
        moment = self._moment(row)
        if moment < self._border:
            self._ripe.add((-row.priority << ID_BITS) + row.id)
        else:
            self._unripe.add((moment << ID_BITS) + row.id)

    def discard(self, row: JobRow) -> None:
        """Take a job out that is in as ``row`` says."""
        moment = self._moment(row)
        if moment < self._border:
            self._ripe.discard((-row.priority << ID_BITS) + row.id)
        else:
            self._unripe.discard((moment << ID_BITS) + row.id)

    def before(self, now: Instant, limit: int, rows: Mapping[JobId, JobRow]) -> list[Key]:
        """Return up to ``limit`` jobs whose moment lies before ``now``, in claiming order."""
        if now > self._border:
            self._advance(now, rows)
        if now >= self._border:
            return list(islice(self._ripe, limit))
        earlier = (key for key in self._ripe if self._moment(rows[job_of(key)]) < now)
        return list(islice(earlier, limit))

    def all_before(self, now: Instant, rows: Mapping[JobId, JobRow]) -> Iterator[JobId]:
        """Yield the jobs whose moment lies before ``now``, in no particular order."""
        if now >= self._border:
            yield from map(job_of, self._ripe)
            yield from map(job_of, self._unripe.below(now << ID_BITS))
        else:
            yield from (job for job in map(job_of, self._ripe) if self._moment(rows[job]) < now)

    def any_until(self, now: Instant, rows: Mapping[JobId, JobRow]) -> bool:
        """Return whether a job's moment is ``now`` or lies before it."""
        if now < self._border - 1:
            return any(self._moment(rows[job]) <= now for job in self)
        first = self._unripe.first()
        return len(self._ripe) > 0 or (first is not None and first >> ID_BITS <= now)

    def next_after(self, now: Instant, rows: Mapping[JobId, JobRow]) -> Instant | None:
        """Return the first moment after ``now``, or None."""
        if now < self._border - 1:
            moments = (self._moment(rows[job]) for job in self)
            return min((moment for moment in moments if moment > now), default=None)
        key = self._unripe.from_on((now + 1) << ID_BITS)
        return None if key is None else Instant(key >> ID_BITS)

    def _advance(self, now: Instant, rows: Mapping[JobId, JobRow]) -> None:
        self._border = now
        first = self._unripe.first()
        if first is None or first >> ID_BITS >= now:
            return
        ripened = map(job_of, self._unripe.pop_below(now << ID_BITS))
        self._ripe.update(sorted((-rows[job].priority << ID_BITS) + job for job in ripened))
