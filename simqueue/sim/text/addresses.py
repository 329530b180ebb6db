"""Addresses in text: values of ``id()`` and ``threading.get_ident()``, in any notation.

A number counts as an address if an object could be there: it is a multiple of 16, it is large
(2**40 or more, as on 64-bit machines with libraries high in memory), and the process has memory at
it. A number of the application's own fulfils all three about once in a million times, so that a
long order number stays as it is.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from typing import Any

MASK = "0x…"
_WRITTEN = re.compile(r"\b0[xX][0-9a-fA-F]{6,16}\b")
_BARE = re.compile(r"(?<![0-9A-Za-z])(?:0{0,4}[0-9a-fA-F]{12}|[0-9]{13,15})(?![0-9A-Za-z])")
_LONG = re.compile(r"[1-9afAF][0-9a-fA-F]{11}")
_LEAST = 2**40
_ALIGNED = 16
_HEX_DIGITS = 12
_mincore: Any = getattr(ctypes.CDLL(None), "mincore", None)


def without_addresses(text: str) -> str:
    """Return text with each address in it as ``0x…``."""
    if "0x" in text or "0X" in text:
        text = _WRITTEN.sub(MASK, text)
    # Search for twelve digits first: most lines have none, and this search is fast.
    if _LONG.search(text) is not None:
        text = _BARE.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    digits = match[0]
    readings = [int(digits, 16)] if len(digits.lstrip("0")) == _HEX_DIGITS else []
    if digits.isdecimal():
        readings.append(int(digits))
    return MASK if any(map(_is_address, readings)) else digits


def _is_address(number: int) -> bool:
    return number >= _LEAST and number % _ALIGNED == 0 and _mapped(number)


def _mapped(address: int) -> bool:
    """Return whether the process has memory at an address; False where the system cannot say."""
    if _mincore is None:
        return False
    page = ctypes.c_void_p(address - address % mmap.PAGESIZE)
    resident = ctypes.create_string_buffer(1)
    status: int = _mincore(page, ctypes.c_size_t(1), resident)
    return status == 0
