"""Streams that stand for the standard ones, while a run is played whose output is captured or lost.

Code of a run may ask whether a stream is a terminal, and log or print otherwise if it is none. A
trace that is made without a terminal would then differ when it is replayed at one.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO, TextIO


class Substitute(io.TextIOWrapper):
    """An unbuffered text stream that says of itself whether it is a terminal."""

    def __init__(self, raw: BinaryIO, *, terminal: bool) -> None:
        self._terminal = terminal
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)

    def isatty(self) -> bool:
        """Return whether the stream that it stands for is a terminal."""
        return self._terminal


def no_input(*, terminal: bool) -> Substitute:
    """Return a stream to stand for standard input from which nothing can be read."""
    return Substitute(io.BufferedReader(io.FileIO(os.devnull)), terminal=terminal)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; ask before its file descriptor leads elsewhere."""
    try:
        return stream is not None and stream.isatty()
    except Exception:  # noqa: BLE001  it is closed, or a user's own
        return False
