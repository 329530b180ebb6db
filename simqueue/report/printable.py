"""Printable text: escapes characters with which a trace could control a terminal."""

from __future__ import annotations

import re

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udc9f\udd00-\udfff]"
)
"""Characters that ``printable`` escapes.

Of lone surrogates, those that stand for the bytes 0xa0 to 0xff of a file's name are left: no
terminal takes these bytes for a command, and a command line that names the file can be pasted.
"""


def printable(text: str) -> str:
    """Return text with escapes for characters that could control a terminal or reorder letters.

    Those are control characters other than line ends and tabs, marks of direction, and lone
    surrogates.
    """
    return UNSEEN.sub(_escape, text)


def _escape(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode()
