"""A lane: the indexes over the jobs of one entrypoint."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter

from simqueue.model.ids import JobId, ManagerId, Status
from simqueue.model.rows import JobRow
from simqueue.store.ripening import Ripening


class Lane:
    """The indexes over one entrypoint's jobs that statements need.

    ``queued`` ripen at ``execute_after``, ``picked`` when they fall silent; ``failed`` are held.
    ``holders`` are the jobs that each manager holds: a job has a manager exactly while it is
    picked. ``seats`` are the capacity slots taken, ``sizes`` the counts by status and priority.
    """

    __slots__ = ("failed", "holders", "picked", "queued", "seats", "sizes")

    def __init__(self) -> None:
        self.queued = Ripening(attrgetter("execute_after"))
        self.picked = Ripening(attrgetter("heartbeat"))
        self.failed: dict[JobId, None] = {}
        self.holders: dict[ManagerId, dict[JobId, None]] = {}
        self.seats: dict[int, JobId] = {}
        self.sizes: dict[Status, dict[int, int]] = {"queued": {}, "picked": {}, "failed": {}}

    def __len__(self) -> int:
        return len(self.queued) + len(self.picked) + len(self.failed)

    def __iter__(self) -> Iterator[JobId]:
        return chain(self.queued, self.picked, self.failed)

    def load(self, manager: ManagerId) -> int:
        """Return how many jobs a manager holds."""
        held = self.holders.get(manager)
        return len(held) if held else 0

    def add(self, row: JobRow) -> None:
        """Add a job."""
        status = row.status
        sizes = self.sizes[status]
        sizes[row.priority] = sizes.get(row.priority, 0) + 1
        if status == "queued":
            self.queued.add(row)
        elif status == "picked":
            self.picked.add(row)
            self._hold(row)
        else:
            self.failed[row.id] = None

    def discard(self, row: JobRow) -> None:
        """Remove a job whose current row is ``row``."""
        status = row.status
        sizes = self.sizes[status]
        if sizes[row.priority] > 1:
            sizes[row.priority] -= 1
        else:
            del sizes[row.priority]
        if status == "queued":
            self.queued.discard(row)
        elif status == "picked":
            self.picked.discard(row)
            self._let_go(row)
        else:
            del self.failed[row.id]

    def _hold(self, row: JobRow) -> None:
        if row.slot is not None:
            self.seats[row.slot] = row.id
        manager = row.queue_manager_id
        if manager in self.holders:
            self.holders[manager][row.id] = None
        elif manager is not None:
            self.holders[manager] = {row.id: None}

    def _let_go(self, row: JobRow) -> None:
        if row.slot is not None:
            del self.seats[row.slot]
        manager = row.queue_manager_id
        if manager is not None:
            held = self.holders[manager]
            del held[row.id]
            if not held:
                del self.holders[manager]
