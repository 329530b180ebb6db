"""Finalizers withheld: suspended code that is thrown away without running any more of it.

A coroutine, generator or async generator that is dropped while it is suspended runs its ``finally``
blocks. Those of a killed process must not. CPython finalizes an object once and notes that it has
in the word before it; an object noted so beforehand is merely freed.
"""

from __future__ import annotations

import ctypes
import gc
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from simqueue.sim.builtin import check_interpreter, strange

_SUSPENDABLE = (AsyncGeneratorType, CoroutineType, GeneratorType)
_WORD_BYTES = ctypes.sizeof(ctypes.c_size_t)
_FINALIZED = 1


def withhold(suspended: object) -> None:
    """Let a suspended coroutine, generator or async generator end in silence when it is dropped.

    Raises:
        UsageError: this interpreter does not keep the note where CPython does.
    """
    check_interpreter()
    word = ctypes.c_size_t.from_address(id(suspended) - _WORD_BYTES)
    # One statement without a call: no other thread can run in the middle of it.
    word.value |= _FINALIZED
    if not gc.is_finalized(suspended):
        raise strange(suspended)


def withhold_all() -> None:
    """Withhold the finalizers of all suspended code that is younger than the frozen heap."""
    for each in gc.get_objects():
        if type(each) in _SUSPENDABLE:
            withhold(each)
