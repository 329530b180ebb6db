"""Finalizers withheld: suspended code that is thrown away without running any more of it.

A coroutine, generator or async generator that is dropped while it is suspended runs its ``finally``
blocks. Those of a killed process must not. CPython finalizes an object once and notes that it has
in the word before it; an object noted so beforehand is merely freed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable, Iterable
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, cast

from simqueue.sim.builtin import check_interpreter, strange

_SUSPENDABLE = (AsyncGeneratorType, CoroutineType, GeneratorType)
_SHARED = (type, ModuleType, BuiltinFunctionType)
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


def withhold_all(roots: Iterable[object], *, belongs: Callable[[asyncio.Task[Any]], bool]) -> None:
    """Withhold the finalizers of whatever suspended code ``roots`` lead to.

    Tasks that do not belong, simqueue's own objects and what everybody shares, modules, classes
    and the globals of functions, are not entered.
    """
    stack, seen = list(roots), set[int]()
    while stack:
        thing = stack.pop()
        if id(thing) in seen or not gc.is_tracked(thing):
            continue
        seen.add(id(thing))
        kind = type(thing)
        if issubclass(kind, asyncio.Task) and not belongs(cast("asyncio.Task[Any]", thing)):
            continue
        if kind in _SUSPENDABLE:
            withhold(thing)
        if kind is FunctionType:
            function = cast("FunctionType", thing)
            stack += [function.__closure__, function.__defaults__, function.__kwdefaults__]
        elif not issubclass(kind, _SHARED) and not _is_ours(kind):
            stack += gc.get_referents(thing)


def _is_ours(kind: type) -> bool:
    module = kind.__module__
    return isinstance(module, str) and module.startswith("simqueue.sim.") and kind.__name__ not in {
        "Handle", "Timer"
    }  # fmt: skip
