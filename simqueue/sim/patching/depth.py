"""How deep a run's code can go: as deep as in a process of its own, whatever calls the run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from simqueue.sim.patching.builtin import builtin

_BELOW = 50
"""How many frames a real program has below its handlers."""
_PROBED = 60
_COUNTS_C_CODE = sys.version_info < (3, 12)


class Depth:
    """The recursion limit of a run: its code gets the same number of frames wherever it is called.

    ``limit`` is the limit that the code reads and sets, ``kept`` the limit after the run.
    """

    __slots__ = ("_real", "_shift", "kept", "limit")

    def __init__(self) -> None:
        self.limit = self.kept = sys.getrecursionlimit()
        self._real, self._shift = _Limit(), 0

    def call(self, function: Callable[[], object]) -> None:
        """Call a function with the same number of frames left as anywhere else."""
        # Not in a patch: how a generator's frames count depends on whether they are specialized.
        self._shift = self._real.frames_in_use() - _BELOW
        self._real.set(self.limit + self._shift)
        try:
            function()
        finally:
            self._shift = 0
            self._real.set(self.kept)

    def change(self, limit: int, *, keep: bool) -> None:
        """Set the limit of the code, also for the time after the run if it is to be kept."""
        self._real.set(limit + self._shift if limit > 0 else limit)
        self.limit = limit
        if keep:
            self.kept = limit


class _Limit:
    """The interpreter's own recursion limit, also while ``sys.getrecursionlimit`` is replaced."""

    __slots__ = ("_get", "set")

    def __init__(self) -> None:
        get, change = builtin("sys.getrecursionlimit"), builtin("sys.setrecursionlimit")
        assert get is not None  # noqa: S101  every Python has both
        assert change is not None  # noqa: S101  likewise
        self._get, self.set = get.original, change.original

    def frames_in_use(self) -> int:
        """Return how many frames count towards the limit here; some may be those of C code."""
        if not _COUNTS_C_CODE or sys.gettrace() is not None or sys.getprofile() is not None:
            # A tracer that gets the error is switched off: under one this is only a good guess.
            return _python_frames()
        before = self._get()
        low = _python_frames() + _PROBED  # with a low limit few frames have to be tried
        while not self._allows(low):
            low += _PROBED
        try:
            return low - _frames_left()
        finally:
            self.set(before)

    def _allows(self, limit: int) -> bool:
        try:
            self.set(limit)
        except RecursionError:  # more is in use already
            return False
        return True


def _frames_left() -> int:
    deepest = 0

    def descend(depth: int) -> None:
        nonlocal deepest
        deepest = depth
        descend(depth + 1)

    with suppress(RecursionError):
        descend(1)
    return deepest


def _python_frames() -> int:
    count, frame = 0, sys._getframe()  # noqa: SLF001
    while frame is not None:
        count, frame = count + 1, frame.f_back  # type: ignore[assignment]
    return count
