"""Encodings: names of files and output where the locale's encoding is not UTF-8."""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper

_ESCAPE = "simqueue-escape"


def needs_utf8_mode() -> bool:
    """Return whether names of files are read as ASCII, as in the C locale under PYTHONUTF8=0.

    A name with other characters then cannot be written to a trace. In UTF-8 mode it can.
    """
    return sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode


def escape_output() -> None:
    """Let output never fail for characters that its encoding does not have: they are escaped.

    Bytes of file names that are no UTF-8 are written as they are.
    """
    codecs.register_error(_ESCAPE, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors=_ESCAPE)


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
