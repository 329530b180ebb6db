"""Ticks in real time: a signal each period, from a timer that no other code uses.

``signal.setitimer`` has only one timer in real time, which test runners use for their timeouts, and
a thread would be a problem for code that forks. The kernel has any number of timers, and Linux
sends their signals to the main thread, where they interrupt calls that block.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], object]

_MONOTONIC = 1
_NOTIFY_BY_SIGNAL = 0
_REAL_TIME_SIGNAL = 5
"""Which of the signals reserved for programs; no other program is known to use it."""


class _Event(ctypes.Structure):
    """sigevent: the action when a timer is due."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    )


class _Times(ctypes.Structure):
    """itimerspec: the period of a timer, and when it is due first."""

    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("period_s", "period_ns", "first_s", "first_ns")
    )


class _Timer:
    """A timer of this process; a process that it forks does not have it."""

    def __init__(self, library: Any, number: int) -> None:
        self._library = library
        self._id = ctypes.c_void_p()
        event = _Event(None, number, _NOTIFY_BY_SIGNAL)
        self.works = not library.timer_create(
            _MONOTONIC, ctypes.byref(event), ctypes.byref(self._id)
        )

    def set(self, period_s: float) -> None:
        """Send the signal each period; 0 stops it."""
        seconds, nanoseconds = divmod(round(period_s * 1_000_000_000), 1_000_000_000)
        times = _Times(seconds, nanoseconds, seconds, nanoseconds)
        self._library.timer_settime(self._id, 0, ctypes.byref(times), None)


@functools.lru_cache(maxsize=1)
def _timer(process: int) -> _Timer | None:
    """Return the timer of this process; None on systems without such timers."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:  # noqa: PLR2004  bytes
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "timer_create"):
        return None
    timer = _Timer(library, signal.SIGRTMIN + _REAL_TIME_SIGNAL)
    return timer if timer.works else None


@contextmanager
def ticking(period_s: float, handler: Handler) -> Iterator[None]:
    """Call ``handler`` in the main thread each period of real time.

    Nothing is called in another thread, where there is no such timer, and where other code handles
    its signal.
    """
    timer = _timer(os.getpid())
    if timer is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    number = signal.SIGRTMIN + _REAL_TIME_SIGNAL
    if signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(number, handler)
        timer.set(period_s)
        yield
    finally:
        timer.set(0)
        signal.signal(number, signal.SIG_DFL)
