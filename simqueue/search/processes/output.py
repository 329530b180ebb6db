"""Captures the output of a run, so that a campaign's report stays readable.

The streams of Python and the file descriptors 1 and 2 are replaced, as pytest does, since a log
handler keeps the stream that it was made with and C code writes to the descriptor.
"""

from __future__ import annotations

import io
import os
import pdb  # noqa: T100  a debugger gets the terminal back
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self, TextIO

from simqueue.search.processes.streams import Substitute, is_terminal

LINES_SHOWN = 20
_TAIL_BYTES = 8_192
_KEPT_BYTES = 4_000_000
"""The size at which the temporary file with a run's output is emptied."""


class Output:
    """Captures what one run prints and keeps its end. ``debugged``: a debugger was opened in it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by ``__exit__``
        self._before: list[tuple[int, int]] = []
        self._streams: tuple[TextIO | None, TextIO | None] | None = None
        self.debugged = False

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the captured output."""
        self._file.close()

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Capture the output of the ``with`` block, until a debugger is opened."""
        original = pdb.Pdb.__init__

        def init(debugger: pdb.Pdb, *arguments: object, **options: object) -> None:
            self.debugged = True
            self._release()
            original(debugger, *arguments, **options)  # type: ignore[arg-type]

        self.debugged = False
        self._empty()
        self._capture()
        pdb.Pdb.__init__ = init  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            pdb.Pdb.__init__ = original  # type: ignore[method-assign]
            self._release()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let simqueue itself print in the ``with`` block."""
        self._release()
        try:
            yield
        finally:
            self._capture()

    def tail(self) -> str:
        """Return the last lines that the run printed; of one very long line, its end."""
        size = os.fstat(self._file.fileno()).st_size
        start = max(0, size - _TAIL_BYTES)
        text = os.pread(self._file.fileno(), _TAIL_BYTES, start).decode(errors="replace")
        lines = text.splitlines()
        if start:
            lines = lines[1:] or [f"... {line}" for line in lines]
        return "\n".join(lines[-LINES_SHOWN:])

    def shorten(self) -> None:
        """Drop the captured output if it has become large."""
        if self._streams is not None and os.fstat(self._file.fileno()).st_size > _KEPT_BYTES:
            self._empty()

    def _empty(self) -> None:
        os.ftruncate(self._file.fileno(), 0)
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)

    def _capture(self) -> None:
        flush()
        self._streams = (sys.stdout, sys.stderr)
        out, err = map(is_terminal, self._streams)
        for fd in (1, 2):
            with suppress(OSError):  # it is closed
                self._before.append((fd, os.dup(fd)))
                os.dup2(self._file.fileno(), fd)
        if sys.stdout is not None:
            sys.stdout = _Stream(1, self, terminal=out)
        if sys.stderr is not None:
            sys.stderr = _Stream(2, self, terminal=err)

    def _release(self) -> None:
        if self._streams is None:
            return
        flush()
        sys.stdout, sys.stderr = self._streams
        self._streams = None
        flush()
        while self._before:
            fd, kept = self._before.pop()
            os.dup2(kept, fd)
            os.close(kept)


class _Stream(Substitute):
    """A text stream into a file descriptor, unbuffered.

    A log handler may keep it. Outside of runs it then writes to where the descriptor leads again.
    """

    def __init__(self, fd: int, output: Output, *, terminal: bool) -> None:
        self._output, self._written = output, 0
        super().__init__(io.FileIO(fd, "w", closefd=False), terminal=terminal)

    def write(self, text: str, /) -> int:
        """Write text."""
        self._written += len(text)
        if self._written > _KEPT_BYTES:
            self._written = 0
            self._output.shorten()
        return super().write(text)


def flush() -> None:
    """Flush the streams of Python."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it is closed, or a user's own
            if stream is not None:
                stream.flush()
