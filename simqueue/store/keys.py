"""A sorted set of keys in short chunks: the order that indexes are read in."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain, takewhile

from simqueue.model.ids import JobId

Key = int
"""A rank in the bits above a job's id: sorts by rank, then id, and compares faster than a pair."""

ID_BITS = 63
"""A job's id is a positive ``bigint``."""

_ID_MASK = (1 << ID_BITS) - 1
_CHUNK = 256
_CHUNK_MAX = 2 * _CHUNK


def job_of(key: Key) -> JobId:
    """Return the job whose key this is."""
    return key & _ID_MASK  # type: ignore[return-value]  # JobId() is a call, once for every key


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
        return chain.from_iterable(self._chunks)

    def first(self) -> Key | None:
        """Return the smallest key, or None."""
        return self._chunks[0][0] if self._size else None

    def from_on(self, bound: Key) -> Key | None:
        """Return the smallest key that is not below ``bound``, or None."""
        index = bisect_left(self._lasts, bound)
        if index == len(self._lasts):
            return None
        chunk = self._chunks[index]
        return chunk[bisect_left(chunk, bound)]

    def below(self, bound: Key) -> Iterator[Key]:
        """Yield the keys below ``bound``, ascending."""
        return takewhile(bound.__gt__, self)

    def add(self, key: Key) -> None:
        """Add a key that is not in the set."""
        self._size += 1
        chunks, lasts = self._chunks, self._lasts
        if not lasts:
            chunks.append([key])
            lasts.append(key)
            return
        # Time goes on and ids rise, so most keys come last.
        if key > lasts[-1]:
            index = len(lasts) - 1
            chunk = chunks[index]
            chunk.append(key)
            lasts[index] = key
        else:
            index = bisect_left(lasts, key)
            chunk = chunks[index]
            insort(chunk, key)
        if len(chunk) > _CHUNK_MAX:
            self._split(index)

    def update(self, keys: list[Key]) -> None:
        """Add keys, ascending, that are not in the set."""
        if len(keys) * 8 < self._size:
            for key in keys:
                self.add(key)
        else:
            self._rebuild(sorted(chain(self, keys)))

    def discard(self, key: Key) -> None:
        """Remove a key that is in the set."""
        chunks, lasts = self._chunks, self._lasts
        # Queues are emptied from the front.
        index = 0 if key <= lasts[0] else bisect_left(lasts, key)
        chunk = chunks[index]
        at = 0 if chunk[0] == key else bisect_left(chunk, key)
        if chunk[at] != key:
            raise KeyError(key)
        self._size -= 1
        del chunk[at]
        if not chunk:
            del chunks[index], lasts[index]
        elif at == len(chunk):
            lasts[index] = chunk[-1]

    def pop_below(self, bound: Key) -> list[Key]:
        """Remove the keys below ``bound`` and return them, ascending."""
        whole = bisect_left(self._lasts, bound)
        taken = list(chain.from_iterable(self._chunks[:whole]))
        del self._chunks[:whole], self._lasts[:whole]
        if self._chunks:
            chunk = self._chunks[0]
            at = bisect_left(chunk, bound)
            taken += chunk[:at]
            del chunk[:at]
        self._size -= len(taken)
        return taken

    def _rebuild(self, keys: list[Key]) -> None:
        self._chunks = [keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]
        self._size = len(keys)

    def _split(self, index: int) -> None:
        chunk = self._chunks[index]
        tail = chunk[_CHUNK:]
        del chunk[_CHUNK:]
        self._chunks.insert(index + 1, tail)
        self._lasts[index] = chunk[-1]
        self._lasts.insert(index + 1, tail[-1])
