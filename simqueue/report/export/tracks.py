"""Tracks: Chrome's trace events on rows, each of slices that do not overlap.

A row is a thread of a process there. Overlapping slices of one name get as many rows as they need.
Times are microseconds of virtual time; what takes none lasts one there, since nobody could click on
it otherwise, and no arrow could end in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(slots=True)
class Slice:
    """Something that lasted, on a track of a process; ``parts`` are within it, one after another.

    ``end`` is moved so that a slice lasts.
    """

    process: str
    track: str
    start: int
    end: int
    name: str
    category: str
    args: Record
    parts: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = max(self.end, self.start + 1)


@dataclass(slots=True)
class Arrow:
    """Leads from slice to slice; each point is a moment within its slice."""

    name: str
    points: Sequence[tuple[Slice, int]]


@dataclass(slots=True)
class Mark:
    """A moment."""

    process: str
    track: str
    at: int
    name: str
    category: str
    args: Record


@dataclass(slots=True)
class Strand:
    """The life of one thing among others of its kind: a name, and its states in turn."""

    process: str
    category: str
    start: int
    end: int
    name: str
    args: Record
    parts: list[tuple[int, int, str, Record]] = field(default_factory=list)


@dataclass(slots=True)
class Count:
    """The value of a counter at a moment."""

    process: str
    at: int
    name: str
    values: dict[str, int]


class Sheet:
    """Everything that a trace shows. Processes and their tracks keep the order of their names."""

    def __init__(self, processes: Sequence[str]) -> None:
        self.slices: list[Slice] = []
        self.arrows: list[Arrow] = []
        self.marks: list[Mark] = []
        self.strands: list[Strand] = []
        self.counts: list[Count] = []
        self._pids = {name: pid for pid, name in enumerate(dict.fromkeys(processes), start=1)}
        self._rows: dict[tuple[str, str], list[int]] = {}
        """The rows of each track: when each is free again."""
        self._row_of: dict[int, int] = {}
        """The row of each slice, by the slice's identity."""

    def name(self, process: str, *tracks: str) -> None:
        """Have tracks of a process in this order."""
        for track in tracks:
            self._rows.setdefault((process, track), [])

    def records(self) -> list[Record]:
        """Return the trace events, in the order of time."""
        self._lay_out()
        tids = dict(self._tids())
        records = [*self._slices(tids), *self._arrows(tids), *self._strands()]
        records += [*self._marks(tids), *self._counts()]
        # What begins at one moment: the longest first, then what points into it.
        records.sort(key=lambda record: (record["ts"], -record.get("dur", 0)))
        return [*self._names(tids), *records]

    def _lay_out(self) -> None:
        for each in sorted(self.slices, key=lambda each: (each.start, -each.end)):
            rows = self._rows.setdefault((each.process, each.track), [])
            row = next((row for row, free in enumerate(rows) if free <= each.start), len(rows))
            rows[row:] = [each.end, *rows[row + 1 :]]
            self._row_of[id(each)] = row
        for mark in self.marks:
            self._rows.setdefault((mark.process, mark.track), [])

    def _tids(self) -> Iterator[tuple[tuple[str, str, int], int]]:
        tid = len(self._pids)  # those of main threads are their processes' own
        for process in self._pids:
            for (name, track), rows in self._rows.items():
                for row in range(max(1, len(rows)) if name == process else 0):
                    tid += 1
                    yield (process, track, row), tid

    def _place(self, tids: dict[tuple[str, str, int], int], each: Slice) -> Record:
        tid = tids[each.process, each.track, self._row_of[id(each)]]
        return {"pid": self._pids[each.process], "tid": tid}

    def _names(self, tids: dict[tuple[str, str, int], int]) -> Iterator[Record]:
        for process, pid in self._pids.items():
            place = {"ph": "M", "pid": pid, "tid": pid}
            yield {**place, "name": "process_name", "args": {"name": process}}
            yield {**place, "name": "process_sort_index", "args": {"sort_index": pid}}
        for (process, track, row), tid in tids.items():
            place = {"ph": "M", "pid": self._pids[process], "tid": tid}
            named = track if not row else f"{track} ({row + 1})"
            yield {**place, "name": "thread_name", "args": {"name": named}}
            yield {**place, "name": "thread_sort_index", "args": {"sort_index": tid}}

    def _slices(self, tids: dict[tuple[str, str, int], int]) -> Iterator[Record]:
        for each in self.slices:
            place = {"ph": "X", **self._place(tids, each)}
            yield {
                **place, "ts": each.start, "dur": each.end - each.start, "name": each.name,
                "cat": each.category, "args": each.args,
            }  # fmt: skip
            for start, end, name in each.parts:
                part = {"ts": start, "dur": end - start, "name": name, "cat": "hop", "args": {}}
                yield {**place, **part}

    def _arrows(self, tids: dict[tuple[str, str, int], int]) -> Iterator[Record]:
        for number, arrow in enumerate(self.arrows, start=1):
            last = len(arrow.points) - 1
            for place, (within, at) in enumerate(arrow.points):
                phase = "s" if not place else "f" if place == last else "t"
                bound = {} if phase == "s" else {"bp": "e"}
                yield {
                    "ph": phase, **self._place(tids, within), "ts": at, "id": number,
                    "name": arrow.name, "cat": "cause", **bound,
                }  # fmt: skip

    def _strands(self) -> Iterator[Record]:
        for number, each in enumerate(self.strands, start=1):
            pid = self._pids[each.process]
            local = {"local": hex(number)}  # or it would be shown apart from its process
            place = {"cat": each.category, "id2": local, "pid": pid, "tid": pid}
            yield {"ph": "b", **place, "ts": each.start, "name": each.name, "args": each.args}
            for start, end, name, args in each.parts:
                yield {"ph": "b", **place, "ts": start, "name": name, "args": args}
                yield {"ph": "e", **place, "ts": end, "name": name}
            yield {"ph": "e", **place, "ts": each.end, "name": each.name}

    def _marks(self, tids: dict[tuple[str, str, int], int]) -> Iterator[Record]:
        for mark in self.marks:
            yield {
                "ph": "i", "pid": self._pids[mark.process],
                "tid": tids[mark.process, mark.track, 0], "ts": mark.at, "name": mark.name,
                "cat": mark.category, "s": "t", "args": mark.args,
            }  # fmt: skip

    def _counts(self) -> Iterator[Record]:
        for count in self.counts:
            pid = self._pids[count.process]
            yield {
                "ph": "C",
                "pid": pid,
                "tid": pid,
                "ts": count.at,
                "name": count.name,
                "args": count.values,
            }
