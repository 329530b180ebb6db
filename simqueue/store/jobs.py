"""The queue table: its rows, and the indexes that spare every statement a scan."""

from __future__ import annotations

from collections.abc import Iterable

from simqueue.model.ids import JobId, ManagerId, Status
from simqueue.model.rows import JobRow
from simqueue.store.lane import Lane

_LANES_KEPT = 64


class Jobs:
    """Rows by id, a lane of indexes for each entrypoint, and dedupe keys across them all."""

    __slots__ = ("_lanes_max", "lanes", "live_keys", "next_id", "rows")

    def __init__(self) -> None:
        self.next_id = 1
        """The value of the sequence: the id that the next insert draws."""
        self.truncate()

    # --- questions ---

    def count(self, status: Status) -> int:
        """Return how many jobs have a status."""
        if status == "queued":
            return sum(len(lane.queued) for lane in self.lanes.values())
        if status == "picked":
            return sum(len(lane.picked) for lane in self.lanes.values())
        return len(self.failed()) if status == "failed" else 0

    def failed(self) -> list[JobId]:
        """Return the ids of the held jobs."""
        return [job for lane in self.lanes.values() for job in lane.failed]

    def load(self, manager: ManagerId, entrypoints: Iterable[str]) -> int:
        """Return how many jobs of these entrypoints a manager holds."""
        return sum(lane.load(manager) for lane in self.lanes_of(entrypoints))

    def lanes_of(self, entrypoints: Iterable[str]) -> list[Lane]:
        """Return the lanes of those entrypoints that have one."""
        lanes = self.lanes
        return [lanes[name] for name in entrypoints if name in lanes]

    def held_by(self, manager: ManagerId) -> list[JobId]:
        """Return the ids of the picked jobs that a manager holds, ascending."""
        return sorted(job for lane in self.lanes.values() for job in lane.holders.get(manager, ()))

    def managers(self) -> list[ManagerId]:
        """Return the managers that hold a job, sorted as UUIDs sort."""
        return sorted({manager for lane in self.lanes.values() for manager in lane.holders})

    # --- changes ---

    def draw(self, number: int) -> None:
        """Move the sequence past an id, unless it is past it already."""
        if number >= self.next_id:
            self.next_id = number + 1

    def insert(self, row: JobRow) -> None:
        """Insert a queued row and move the sequence past its id."""
        if row.id >= self.next_id:
            self.next_id = row.id + 1
        self.rows[row.id] = row
        if row.dedupe_key is not None:
            self.live_keys[row.dedupe_key] = row.id
        lane = self.lanes.get(row.entrypoint)
        if lane is None:
            lane = self._new_lane(row.entrypoint)
        lane.add(row)

    def replace(self, old: JobRow, row: JobRow) -> None:
        """Put ``row`` in the place of ``old``, which has its id and its entrypoint."""
        self.rows[row.id] = row
        lane = self.lanes[row.entrypoint]
        lane.discard(old)
        lane.add(row)
        if row.dedupe_key is not None:
            self._relink_key(row.dedupe_key, row)

    def beat(self, old: JobRow, row: JobRow) -> None:
        """Put ``row`` in the place of ``old``, from which it differs in its heartbeat alone."""
        self.rows[row.id] = row
        if row.status == "picked":
            picked = self.lanes[row.entrypoint].picked
            picked.discard(old)
            picked.add(row)

    def remove(self, row: JobRow) -> None:
        """Delete a row."""
        del self.rows[row.id]
        self.lanes[row.entrypoint].discard(row)
        if row.dedupe_key is not None and row.status != "failed":
            del self.live_keys[row.dedupe_key]

    def truncate(self) -> None:
        """Delete every row; the sequence goes on."""
        self.rows: dict[JobId, JobRow] = {}
        self.lanes: dict[str, Lane] = {}
        self.live_keys: dict[str, JobId] = {}
        """Dedupe keys of queued and picked jobs: the partial unique index."""
        self._lanes_max = _LANES_KEPT

    def _relink_key(self, key: str, row: JobRow) -> None:
        if row.status != "failed":
            self.live_keys[key] = row.id
        elif self.live_keys.get(key) == row.id:
            del self.live_keys[key]

    def _new_lane(self, entrypoint: str) -> Lane:
        # Empty lanes are kept, since most fill again, but never more of them than lanes in use.
        if len(self.lanes) >= self._lanes_max:
            self.lanes = {name: lane for name, lane in self.lanes.items() if len(lane)}
            self._lanes_max = max(_LANES_KEPT, 2 * len(self.lanes))
        lane = self.lanes[entrypoint] = Lane()
        return lane
