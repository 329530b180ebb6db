"""Masking: removes addresses and this machine's directories from text."""

from __future__ import annotations

import functools
import os
import re
import sys
import sysconfig

from simqueue.sim.text.addresses import without_addresses

_END = r"(?:\n|(?<!\\)\\n)"
"""The end of a line, as it is or as JSON writes it."""
_OWN_FRAMES = re.compile(
    rf'  File (\\?")simqueue/[^"\\]+\1, line \d+, in [^\n\\]+{_END}(?:    (?:(?!{_END}).)*{_END})*'
)
_FRAME = re.compile(r'(File \\?")(\.?/[^"\\]+)')


@functools.lru_cache(maxsize=4)
def _roots(current: str) -> tuple[tuple[str, str], ...]:
    """Return directories and their replacements, the longest first: it is the innermost."""
    named = {sysconfig.get_path(name): "site-packages" for name in ("purelib", "platlib")}
    named[sysconfig.get_path("stdlib")] = "python"
    named[sys.prefix] = "prefix"
    named[current] = "."
    named[os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))] = "simqueue"
    # Whole directories only, and not the root, which contains everything.
    whole = [(root + os.sep, short + os.sep) for root, short in named.items() if root != os.sep]
    return tuple(sorted(whole, key=lambda item: -len(item[0])))


class Tidier:
    """Removes from text what differs between two processes or two machines."""

    __slots__ = ("_roots",)

    def __init__(self) -> None:
        self._roots = _roots(os.getcwd())

    def __call__(self, text: str) -> str:
        """Return ``text`` with addresses as ``0x…`` and known directories shortened.

        What UTF-8 cannot encode (a lone surrogate, as in undecodable file names) is escaped.
        """
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        text = without_addresses(text)
        if os.sep in text:
            for root, short in self._roots:
                text = text.replace(root, short)
            if '"simqueue/' in text or '\\"simqueue/' in text:
                # A real worker has no frames of simqueue between PgQueuer's and its own.
                text = _OWN_FRAMES.sub("", text)
            # A file of the user's in a traceback: the same text wherever the file is.
            text = _FRAME.sub(_by_name, text)
        return text


def _by_name(frame: re.Match[str]) -> str:
    return f"{frame[1]}{frame[2].rpartition(os.sep)[2]}"
