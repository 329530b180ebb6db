"""The queue table: its rows, and the indexes that spare every statement a scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from typing import TypeVar

from simqueue.model.ids import Instant, JobId, ManagerId, Status
from simqueue.model.rows import JobRow
from simqueue.store.keys import SortedKeys

_T = TypeVar("_T")


class Backlog:
    """The queued jobs of one entrypoint: those that are due by priority, the others by their time.

    ``_ready`` holds the queued jobs whose ``execute_after`` lies before ``_promoted`` and
    ``_deferred`` the rest. Moving that border as time passes changes where a job is found, not
    whether: readers compare ``execute_after`` themselves.
    """

    __slots__ = ("_deferred", "_promoted", "_ready")

    def __init__(self) -> None:
        self._ready = SortedKeys()
        self._deferred = SortedKeys()
        self._promoted = Instant(0)

    def __len__(self) -> int:
        return len(self._ready) + len(self._deferred)

    def add(self, row: JobRow) -> None:
        """Add a queued job."""
        if row.execute_after < self._promoted:
            self._ready.add((-row.priority, row.id))
        else:
            self._deferred.add((row.execute_after, row.id))

    def discard(self, row: JobRow) -> None:
        """Take a job out that is queued as ``row`` says."""
        if row.execute_after < self._promoted:
            self._ready.discard((-row.priority, row.id))
        else:
            self._deferred.discard((row.execute_after, row.id))

    def due(self, now: Instant, rows: dict[JobId, JobRow], limit: int) -> Iterator[JobRow]:
        """Yield up to ``limit`` jobs with ``execute_after < now``, most urgent first, then oldest."""
        if now > self._promoted:
            self._promote(now, rows)
        for _, job in self._ready:
            if limit <= 0:
                return
            row = rows[JobId(job)]
            if row.execute_after < now:
                limit -= 1
                yield row

    def has_eligible(self, now: Instant) -> bool:
        """Return whether a job has ``execute_after <= now``; ``now`` never goes back."""
        first = self._deferred.first()
        return len(self._ready) > 0 or (first is not None and first[0] <= now)

    def next_after(self, now: Instant) -> Instant | None:
        """Return the earliest ``execute_after > now``; ``now`` never goes back."""
        key = self._deferred.after((now, 1 << 63))
        return None if key is None else Instant(key[0])

    def _promote(self, now: Instant, rows: dict[JobId, JobRow]) -> None:
        self._promoted = now
        for _, job in self._deferred.pop_up_to((now, 0)):
            self._ready.add((-rows[JobId(job)].priority, job))


class Jobs:
    """Rows by id, and an index for each question a statement asks."""

    def __init__(self) -> None:
        self.rows: dict[JobId, JobRow] = {}
        self.next_id = 1
        """Where the sequence stands: the id that the next insert draws."""
        self.backlogs: dict[str, Backlog] = {}
        self.live_keys: dict[str, JobId] = {}
        """Dedupe keys of queued and picked jobs: the partial unique index."""
        self.sizes: Counter[tuple[str, int, Status]] = Counter()
        """How many jobs there are per entrypoint, priority and status."""
        self.failed: dict[JobId, None] = {}
        self._statuses: Counter[Status] = Counter()
        self._beats = SortedKeys()
        self._managers: dict[ManagerId, dict[JobId, None]] = {}
        self._loads: Counter[tuple[ManagerId, str]] = Counter()
        self._held: Counter[str] = Counter()
        self._slots: dict[tuple[str, int], JobId] = {}

    # --- questions ---

    def count(self, status: Status) -> int:
        """Return how many jobs have a status."""
        return self._statuses[status]

    def held(self, entrypoint: str) -> int:
        """Return how many jobs of an entrypoint some manager holds."""
        return self._held[entrypoint]

    def load(self, manager: ManagerId, entrypoints: Iterable[str]) -> int:
        """Return how many jobs of these entrypoints a manager holds."""
        return sum(self._loads[manager, entrypoint] for entrypoint in entrypoints)

    def held_by(self, manager: ManagerId) -> list[JobId]:
        """Return the ids of the picked jobs that a manager holds, in the order it got them."""
        held = self._managers.get(manager, ())
        return [job for job in held if self.rows[job].status == "picked"]

    def managers(self) -> list[ManagerId]:
        """Return the managers that hold a job, sorted as UUIDs sort."""
        return sorted(self._managers)

    def slot_holder(self, entrypoint: str, slot: int) -> JobId | None:
        """Return the picked job that sits in a capacity slot, or None."""
        return self._slots.get((entrypoint, slot))

    def silent_since(self, moment: Instant) -> Iterator[JobRow]:
        """Yield the picked jobs with ``heartbeat < moment``, the longest silent first."""
        for _, job in self._beats.up_to((moment, 0)):
            yield self.rows[JobId(job)]

    # --- changes ---

    def put(self, row: JobRow) -> None:
        """Insert a row, or replace the one with its id."""
        old = self.rows.get(row.id)
        if old is not None:
            self._unlink(old)
        self.rows[row.id] = row
        self._link(row)

    def remove(self, job: JobId) -> None:
        """Delete a row."""
        self._unlink(self.rows.pop(job))

    def beat(self, job: JobId, row: JobRow) -> None:
        """Replace a row by one that differs in its heartbeat alone."""
        old = self.rows[job]
        self.rows[job] = row
        if old.status == "picked":
            self._beats.discard((old.heartbeat, job))
            self._beats.add((row.heartbeat, job))

    def truncate(self) -> None:
        """Delete every row; the sequence goes on."""
        next_id = self.next_id
        self.__init__()  # type: ignore[misc]
        self.next_id = next_id

    def _link(self, row: JobRow) -> None:
        status = row.status
        self._statuses[status] += 1
        self.sizes[row.entrypoint, row.priority, status] += 1
        if status == "queued":
            backlog = self.backlogs.get(row.entrypoint)
            if backlog is None:
                backlog = self.backlogs[row.entrypoint] = Backlog()
            backlog.add(row)
        elif status == "picked":
            self._beats.add((row.heartbeat, row.id))
            if row.slot is not None:
                self._slots[row.entrypoint, row.slot] = row.id
        elif status == "failed":
            self.failed[row.id] = None
        if row.dedupe_key is not None and status != "failed":
            self.live_keys[row.dedupe_key] = row.id
        manager = row.queue_manager_id
        if manager is not None:
            self._held[row.entrypoint] += 1
            self._loads[manager, row.entrypoint] += 1
            self._managers.setdefault(manager, {})[row.id] = None

    def _unlink(self, row: JobRow) -> None:
        status = row.status
        _less(self._statuses, status)
        _less(self.sizes, (row.entrypoint, row.priority, status))
        if status == "queued":
            self.backlogs[row.entrypoint].discard(row)
        elif status == "picked":
            self._beats.discard((row.heartbeat, row.id))
            if row.slot is not None:
                del self._slots[row.entrypoint, row.slot]
        elif status == "failed":
            del self.failed[row.id]
        if row.dedupe_key is not None and status != "failed":
            del self.live_keys[row.dedupe_key]
        manager = row.queue_manager_id
        if manager is not None:
            _less(self._held, row.entrypoint)
            _less(self._loads, (manager, row.entrypoint))
            self._let_go(manager, row.id)

    def _let_go(self, manager: ManagerId, job: JobId) -> None:
        held = self._managers[manager]
        del held[job]
        if not held:
            del self._managers[manager]


def _less(counts: Counter[_T], key: _T) -> None:
    """Count one less, and forget what there is none of."""
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]
