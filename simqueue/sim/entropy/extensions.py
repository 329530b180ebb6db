"""Extension modules that read clocks or draw numbers with the C library, not through Python.

The functions that they call there are replaced for each module separately.
"""

from __future__ import annotations

import _thread
import ctypes
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from simqueue.sim.code.debuggers import debugging_itself
from simqueue.sim.entropy.clocks import WALL_CLOCKS, monotonic_clock, wall_clock
from simqueue.sim.patching.late import OnImport
from simqueue.sim.patching.linkage import CFunction, pointer_to
from simqueue.sim.patching.patch import Patch
from simqueue.sim.patching.source import Control, Scope, Source

_SECOND_NS = 1_000_000_000
_get_ident = _thread.get_ident
_ClockGettime = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_long * 2))


def _clock(scope: Scope, real: int) -> Any:
    """Return a ``clock_gettime`` that shows this run's thread virtual time."""
    read, wall = monotonic_clock(scope), wall_clock(scope)
    original, thread, world = _ClockGettime(real), scope.thread, scope.world

    def clock_gettime(clock: int, result: Any) -> int:
        if _get_ident() != thread or (world.attended and debugging_itself()):
            status: int = original(clock, result)
            return status
        now = wall() if clock in WALL_CLOCKS else read() * 1_000
        result[0][0], result[0][1] = divmod(now, _SECOND_NS)
        return 0

    return _ClockGettime(clock_gettime)


def _clock_of(scope: Scope) -> Callable[[ModuleType], Iterator[Patch]]:
    def patches(module: ModuleType) -> Iterator[Patch]:
        pointer = pointer_to(str(module.__file__), "clock_gettime")
        if pointer is not None:
            yield CFunction(pointer, _clock(scope, pointer.real))

    return patches


def _pydantic(scope: Scope) -> Iterator[Patch]:
    yield OnImport(scope.thread, "pydantic_core._pydantic_core", _clock_of(scope))


CONTROLS = (
    Control(
        Source(
            "pydantic-dates",
            "pydantic's PastDatetime, FutureDatetime, PastDate, FutureDate",
            "controlled",
            "on 64-bit Linux they are compared with the simulated process's wall clock; elsewhere "
            "with the real one",
        ),
        _pydantic,
    ),
)
