"""A sorted set of keys in short chunks: the order that indexes are read in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

Key = tuple[int, int]

_CHUNK = 512


class SortedKeys:
    """Keys in ascending order; adding, discarding and the first key cost O(log n) and a short move.

    Keys are kept in chunks of at most twice ``_CHUNK``, so that no operation moves more than that.
    """

    __slots__ = ("_chunks", "_lasts", "_size")

    def __init__(self) -> None:
        self._chunks: list[list[Key]] = []
        self._lasts: list[Key] = []
        """The last key of each chunk."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Key]:
        for chunk in self._chunks:
            yield from chunk

    def first(self) -> Key | None:
        """Return the smallest key, or None."""
        return self._chunks[0][0] if self._chunks else None

    def up_to(self, bound: Key) -> Iterator[Key]:
        """Yield the keys smaller than ``bound``, ascending."""
        for chunk in self._chunks:
            if chunk[-1] < bound:
                yield from chunk
            else:
                yield from chunk[: bisect_left(chunk, bound)]
                return

    def after(self, bound: Key) -> Key | None:
        """Return the smallest key greater than ``bound``, or None."""
        index = bisect_right(self._lasts, bound)
        if index == len(self._lasts):
            return None
        chunk = self._chunks[index]
        return chunk[bisect_right(chunk, bound)]

    def add(self, key: Key) -> None:
        """Add a key that is not there."""
        self._size += 1
        lasts = self._lasts
        if not lasts:
            self._chunks.append([key])
            lasts.append(key)
            return
        if key > lasts[-1]:
            index = len(lasts) - 1
            self._chunks[index].append(key)
            lasts[index] = key
        else:
            index = bisect_left(lasts, key)
            insort(self._chunks[index], key)
        if len(self._chunks[index]) > 2 * _CHUNK:
            self._split(index)

    def discard(self, key: Key) -> None:
        """Take a key out, if it is there."""
        index = bisect_left(self._lasts, key)
        if index == len(self._lasts):
            return
        chunk = self._chunks[index]
        at = bisect_left(chunk, key)
        if chunk[at] != key:
            return
        self._size -= 1
        del chunk[at]
        if not chunk:
            del self._chunks[index], self._lasts[index]
        elif at == len(chunk):
            self._lasts[index] = chunk[-1]

    def pop_up_to(self, bound: Key) -> list[Key]:
        """Take out the keys smaller than ``bound`` and return them, ascending."""
        taken: list[Key] = []
        while self._chunks and self._lasts[0] < bound:
            taken += self._chunks.pop(0)
            del self._lasts[0]
        if self._chunks and self._chunks[0][0] < bound:
            chunk = self._chunks[0]
            at = bisect_left(chunk, bound)
            taken += chunk[:at]
            del chunk[:at]
        self._size -= len(taken)
        return taken

    def clear(self) -> None:
        """Take out every key."""
        self._chunks.clear()
        self._lasts.clear()
        self._size = 0

    def _split(self, index: int) -> None:
        chunk = self._chunks[index]
        tail = chunk[_CHUNK:]
        del chunk[_CHUNK:]
        self._chunks.insert(index + 1, tail)
        self._lasts[index] = chunk[-1]
        self._lasts.insert(index + 1, tail[-1])
