"""Excerpts: what an error line quotes of a file, which may be of any length and hold anything."""

from __future__ import annotations

SHOWN = 200


def excerpt(text: str, shown: int = SHOWN) -> str:
    """Return the beginning of a text on one line, with what is not printable as escapes."""
    cut = text[:shown]
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return line if len(text) <= shown else f"{line}... ({len(text)} characters)"
