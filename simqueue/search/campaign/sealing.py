"""Sealing: a line of a campaign's state ends with a checksum of the rest of it."""

from __future__ import annotations

import re
from hashlib import blake2b

_SEAL = re.compile(rb',"checksum":"([0-9a-f]{16})"\}\n?')
_LENGTH = len(b',"checksum":"0123456789abcdef"}')


def sealed(record: bytes) -> bytes:
    """Return a line for a JSON object, with its checksum as the last field and a line end."""
    return b'%b,"checksum":"%b"}\n' % (record[:-1], _checksum(record[:-1]))


def unsealed(line: bytes) -> bytes:
    """Return the JSON object of a line; raise ``ValueError`` if the line was changed."""
    end = len(line) - _LENGTH - line.endswith(b"\n")
    seal = _SEAL.fullmatch(line, max(0, end))
    if seal is None:
        raise ValueError("it has no checksum")
    if seal[1] != _checksum(line[:end]):
        raise ValueError("its checksum is not that of its content")
    return line[:end] + b"}"


def is_torn(rest: bytes) -> bool:
    """Return whether the end of a file can be the beginning of a torn line."""
    try:
        unsealed(rest[:-1])
    except ValueError:
        return True
    return False  # a whole line whose end was damaged


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).hexdigest().encode()
