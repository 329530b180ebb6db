"""Gzipped: documents that are compressed in their files, and unpacked up to the size allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from simqueue.model.files import UnfitError, size_limit

SUFFIX = ".gz"
_MAGIC = b"\x1f\x8b"
_GZIP = 31  # with gzip's own header, which holds no name and no time: equal bytes for equal ones
_LEVEL = 6
_PACKED_PIECE, _UNPACKED_PIECE = 65_536, 1_048_576


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a document compressed."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def unpacked(content: bytes) -> bytes:
    """Return the document in a file, whether it is compressed or not.

    Raises:
        UnfitError: it is damaged, or larger than may be read; then none of it is kept in memory.
    """
    if not content.startswith(_MAGIC):
        return content
    limit, text = size_limit()
    unpacker = zlib.decompressobj(_GZIP)
    try:
        larger = _is_larger(content, limit)
        document = b"" if larger else unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise UnfitError("its gzip compression is damaged; take another copy") from None
    if larger or len(document) > limit:
        raise UnfitError(
            f"it unpacks to more than {text}, which is the most that is read; allow more with "
            f"`simqueue --max-size SIZE COMMAND ...`"
        )
    if not unpacker.eof or unpacker.unused_data:
        raise UnfitError("its gzip compression is cut off or followed by something else")
    return document


def _is_larger(content: bytes, limit: int) -> bool:
    """Return whether a document has more bytes than ``limit``; keep no more than a piece of it.

    Bytes at its end may be missed, fewer than a piece.
    """
    unpacker, size, view = zlib.decompressobj(_GZIP), 0, memoryview(content)
    for start in range(0, len(content), _PACKED_PIECE):
        packed: bytes | memoryview = view[start : start + _PACKED_PIECE]
        while packed and not unpacker.eof:
            size += len(unpacker.decompress(packed, _UNPACKED_PIECE))
            if size > limit:
                return True
            packed = unpacker.unconsumed_tail
    return False
