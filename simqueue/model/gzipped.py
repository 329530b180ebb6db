"""Gzipped: documents that are compressed in their files, and unpacked up to the size allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from simqueue.model.files import UnfitError, size_limit

SUFFIX = ".gz"
_MAGIC = b"\x1f\x8b"
_GZIP = 31  # with gzip's own header, which holds no name and no time: equal bytes for equal ones
_LEVEL = 6


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a document compressed."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def unpacked(content: bytes) -> bytes:
    """Return the document in a file, whether it is compressed or not.

    Raises:
        UnfitError: it is damaged, or larger than may be read; nothing beyond that is unpacked.
    """
    if not content.startswith(_MAGIC):
        return content
    limit, text = size_limit()
    unpacker = zlib.decompressobj(_GZIP)
    try:
        document = unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise UnfitError("its gzip compression is damaged; take another copy") from None
    if len(document) > limit:
        raise UnfitError(
            f"it unpacks to more than {text}, which is the most that is read; allow more with "
            f"`simqueue --max-size SIZE COMMAND ...`"
        )
    if not unpacker.eof or unpacker.unused_data:
        raise UnfitError("its gzip compression is cut off or followed by something else")
    return document
