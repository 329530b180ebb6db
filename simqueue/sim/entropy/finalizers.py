"""Finalizers withheld: suspended code that is dropped without running any more of it.

A coroutine, generator or async generator that is dropped while it is suspended runs its ``finally``
blocks. Those of a killed process must not run. CPython finalizes an object once, and marks it as
finalized in the word before the object; an object marked in advance is only freed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, cast

from simqueue.sim.patching.builtin import check_interpreter, strange

_SUSPENDABLE = (AsyncGeneratorType, CoroutineType, GeneratorType)
_SHARED = (type, ModuleType, BuiltinFunctionType)
_WORD_BYTES = ctypes.sizeof(ctypes.c_size_t)
_FINALIZED = 1


def withhold(suspended: object) -> None:
    """Keep a suspended coroutine or generator from running any more when it is dropped.

    Raises:
        UsageError: this interpreter does not keep the mark where CPython does.
    """
    check_interpreter()
    word = ctypes.c_size_t.from_address(id(suspended) - _WORD_BYTES)
    # One statement without a call: no other thread can run between the read and the write.
    word.value |= _FINALIZED
    if not gc.is_finalized(suspended):
        raise strange(suspended)


def withhold_all(
    dead: Iterable[object],
    living: Iterable[object],
    *,
    belongs: Callable[[asyncio.Task[Any]], bool],
) -> None:
    """Withhold the finalizers of suspended code that only ``dead`` refers to, not ``living``.

    References are followed through several objects, but not into tasks that do not ``belong`` to
    the dead.
    """
    reached = _reached(dead, belongs)
    suspended = [thing for thing in reached.values() if type(thing) in _SUSPENDABLE]
    if suspended:
        spared = _reached(living, lambda task: not belongs(task))
        for thing in suspended:
            if id(thing) not in spared:
                withhold(thing)


def running_locals() -> Iterator[dict[str, Any]]:
    """Yield the variables of running functions: the running task does not refer to them."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and frame.f_globals.get("__name__") != "simqueue.sim.kernel.scheduler":
        if not str(frame.f_globals.get("__name__")).startswith("simqueue."):
            yield frame.f_locals
        frame = frame.f_back


def _reached(
    roots: Iterable[object], enters: Callable[[asyncio.Task[Any]], bool]
) -> dict[int, object]:
    """Return the objects that ``roots`` refer to, directly or not, by id.

    References of simqueue's own objects, and of objects that all code shares (modules, classes,
    globals of functions), are not followed.
    """
    stack, seen = list(roots), dict[int, object]()
    while stack:
        thing = stack.pop()
        if id(thing) in seen or not gc.is_tracked(thing):
            continue
        kind = type(thing)
        if issubclass(kind, asyncio.Task) and not enters(cast("asyncio.Task[Any]", thing)):
            continue
        seen[id(thing)] = thing
        if kind is FunctionType:
            function = cast("FunctionType", thing)
            stack += [function.__closure__, function.__defaults__, function.__kwdefaults__]
        elif not issubclass(kind, _SHARED) and not _is_ours(kind):
            stack += gc.get_referents(thing)
    return seen


def _is_ours(kind: type) -> bool:
    module = kind.__module__
    return isinstance(module, str) and module.startswith("simqueue.sim.") and kind.__name__ not in {
        "Handle", "Timer"
    }  # fmt: skip
