"""The addresses of a process's memory: the same each time, or random.

Linux places libraries and the heap at random addresses, unless a process has asked otherwise
before it starts a program. With fixed ones ``hash(None)`` before Python 3.12, and the order of sets
of built-in functions and classes, are the same from process to process.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FIXED = 0x0040000  # ADDR_NO_RANDOMIZE
_ASK = 0xFFFFFFFF


def are_fixed() -> bool:
    """Return whether programs that this process starts have fixed addresses."""
    return bool((_personality(_ASK) or 0) & _FIXED)


def fix() -> bool:
    """Give programs that this process starts fixed addresses; return whether that is permitted.

    Containers often forbid it, and only Linux has it.
    """
    return _change(fixed=True)


@contextmanager
def randomized() -> Iterator[None]:
    """Give programs started in the ``with`` block random addresses, as is the default."""
    before = are_fixed()
    if before:
        _change(fixed=False)
    try:
        yield
    finally:
        if before:
            _change(fixed=True)


def _change(*, fixed: bool) -> bool:
    now = _personality(_ASK)
    if now is None:
        return False
    wanted = now | _FIXED if fixed else now & ~_FIXED
    return wanted == now or _personality(wanted) is not None


def _personality(wanted: int) -> int | None:
    """Set or query this process's execution domain; return its previous value, None if refused."""
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).personality
    function.argtypes, function.restype = [ctypes.c_ulong], ctypes.c_int
    result: int = function(wanted)
    return None if result == -1 else result
