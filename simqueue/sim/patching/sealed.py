"""Sealed types: sets an attribute of a built-in type, whose attributes are read-only.

The flag that makes them read-only is cleared for the moment.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simqueue.sim.patching.builtin import check_interpreter, strange

_FLAGS_OFFSET = 21 * ctypes.sizeof(ctypes.c_size_t)  # of tp_flags in PyTypeObject
_IMMUTABLE_TYPE = 1 << 8
_ABSENT: Any = object()
_UNTOUCHED: Any = object()


class SealedAttribute:
    """A patch: an attribute of a sealed type; one that the type only inherited is removed again."""

    __slots__ = ("_before", "_name", "_type", "_value")

    def __init__(self, of: type, name: str, value: Any) -> None:
        self._type, self._name, self._value = of, name, value
        self._before = _UNTOUCHED

    def install(self) -> None:
        """Set the attribute."""
        self._before = self._type.__dict__.get(self._name, _ABSENT)
        with _opened(self._type):
            type.__setattr__(self._type, self._name, self._value)

    def restore(self) -> None:
        """Set or delete it again."""
        if self._before is _UNTOUCHED:
            return
        with _opened(self._type):
            if self._before is not _ABSENT:
                type.__setattr__(self._type, self._name, self._before)
            elif self._name in self._type.__dict__:
                type.__delattr__(self._type, self._name)
        self._before = _UNTOUCHED


@contextmanager
def _opened(of: type) -> Iterator[None]:
    flags = _flags(of)
    immutable = flags.value & _IMMUTABLE_TYPE
    flags.value &= ~_IMMUTABLE_TYPE
    try:
        yield
    finally:
        flags.value |= immutable


@functools.cache
def _flags(of: type) -> ctypes.c_ulong:
    check_interpreter()
    flags = ctypes.c_ulong.from_address(id(of) + _FLAGS_OFFSET)
    if flags.value != of.__flags__:
        raise strange(of)
    return flags
