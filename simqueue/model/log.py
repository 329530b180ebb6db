"""Log: the event log of a run, whose older part is kept as compressed blocks.

An entry takes some 200 bytes as an object and about 6 in a block. Runs of a few ten thousand
events never get that far: all of their entries are objects.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import msgspec

from simqueue.model.events import Entry
from simqueue.model.ids import EntryNumber

if TYPE_CHECKING:
    Entries = Sequence[Entry]
else:  # what a trace file holds
    Entries = tuple[Entry, ...]

BLOCK = 2_048
"""How many entries are packed together."""

RECENT_MIN = 32_768
RECENT_MAX = 65_536
"""The smallest and the largest number of last entries that are kept as objects."""

_OPEN_MAX = 64
"""How many blocks are held unpacked at a time; reads of old entries are mostly local."""

_LEVEL = 1
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])


class Log(Sequence[Entry]):
    """A growing sequence of entries, equal to any other sequence of the same ones.

    A slice is a tuple.
    """

    __slots__ = ("_open", "_packed", "_recent", "_size")

    def __init__(self) -> None:
        self._packed: list[bytes | list[Entry]] = []
        self._size = 0
        self._recent: list[Entry] = []
        self._open: OrderedDict[int, list[Entry]] = OrderedDict()

    def append(self, entry: Entry) -> None:
        """Add an entry at the end."""
        recent = self._recent
        recent.append(entry)
        if len(recent) >= RECENT_MAX:
            self._pack()

    def whole(self) -> Entries:
        """Return the entries as a tuple while all of them are objects, then this log itself."""
        return self if self._packed else tuple(self._recent)

    def _pack(self) -> None:
        while len(self._recent) >= RECENT_MIN + BLOCK:
            self._packed.append(_packed(self._recent[:BLOCK], self._size))
            self._size += BLOCK
            del self._recent[:BLOCK]

    def __len__(self) -> int:
        return self._size + len(self._recent)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, index: int | slice) -> Entry | tuple[Entry, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if number >= self._size:
            return self._recent[number - self._size]
        if number < 0:
            raise IndexError(index)
        return self._block(number // BLOCK)[number % BLOCK]

    def _block(self, number: int) -> list[Entry]:
        block = self._open.get(number)
        if block is None:
            block = _unpacked(self._packed[number], number * BLOCK)
            self._open[number] = block
            if len(self._open) > _OPEN_MAX:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(number)
        return block

    def __iter__(self) -> Iterator[Entry]:
        for number, packed in enumerate(self._packed):
            yield from _unpacked(packed, number * BLOCK)
        yield from self._recent

    def __reversed__(self) -> Iterator[Entry]:
        yield from reversed(self._recent)
        for number in range(len(self._packed) - 1, -1, -1):
            yield from reversed(_unpacked(self._packed[number], number * BLOCK))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(map(_same, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<Log of {len(self)} entries>"


def _same(one: object, other: object) -> bool:
    return one == other


def _packed(entries: list[Entry], first: int) -> bytes | list[Entry]:
    """Return entries as bytes, or as they are if those would not give back the same.

    Entries with a number of more than 64 bits are such a case. A cause is stored as the distance
    back to it, which compresses better.
    """
    near = [
        entry
        if entry.cause is None
        else Entry(
            entry.at, entry.worker, entry.event, EntryNumber(number - entry.cause), entry.began
        )
        for number, entry in enumerate(entries, start=first)
    ]
    try:
        document = _encoder.encode(near)
        same = _decoder.decode(document) == near
    except (ValueError, OverflowError, msgspec.MsgspecError):
        same = False
    return zlib.compress(document, _LEVEL) if same else entries


def _unpacked(packed: bytes | list[Entry], first: int) -> list[Entry]:
    if isinstance(packed, list):
        return packed
    entries = _decoder.decode(zlib.decompress(packed))
    for place, entry in enumerate(entries):
        if entry.cause is not None:
            cause = EntryNumber(first + place - entry.cause)
            entries[place] = Entry(entry.at, entry.worker, entry.event, cause, entry.began)
    return entries
