"""Clocks: each shows the virtual time of the simulated process that reads it."""

from __future__ import annotations

import _thread
import logging
import operator
import posix
import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

from simqueue.sim.code.debuggers import debugging_itself
from simqueue.sim.entropy.time_travel import TimeTravel
from simqueue.sim.patching.imports import LOCKS, importing
from simqueue.sim.patching.patch import Attribute, Patch, Replace, redirects
from simqueue.sim.patching.source import Control, Scope, Source

Clock = Callable[[], int]

WALL_CLOCKS = frozenset(
    getattr(time, name)
    for name in ("CLOCK_REALTIME", "CLOCK_REALTIME_COARSE", "CLOCK_TAI")
    if hasattr(time, name)
)
_SLEEP_END_S = 2**63 / 1_000_000_000
"""The shortest sleep for which ``time.sleep`` raises ``OverflowError``."""
_get_ident = _thread.get_ident


def _noted(scope: Scope, clock: Clock) -> Clock:
    """Return a clock of this run's thread whose readings enter the digest."""
    note, thread, locks = scope.world.note_reading, scope.thread, LOCKS

    def read() -> int:
        value = clock()
        if not locks or not importing(thread):
            note(value)
        return value

    return read


def monotonic_clock(scope: Scope) -> Clock:
    """Return virtual microseconds."""
    return _noted(scope, scope.world.now_us)


def wall_clock(scope: Scope) -> Clock:
    """Return Unix nanoseconds."""
    return _noted(scope, scope.world.wall_ns)


def _showing(scope: Scope, show: Callable[..., Any]) -> Replace:
    """Return a function that replaces a clock by ``show(its arguments)`` in this run's thread."""
    thread, get_ident, world = scope.thread, _get_ident, scope.world

    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        def shown(*args: Any, **kwargs: Any) -> Any:
            if get_ident() != thread or (world.attended and debugging_itself()):
                return original(*args, **kwargs)
            return show(*args, **kwargs)

        return shown

    return replace


def _monotonic_clocks(scope: Scope) -> Iterator[Patch]:
    read = monotonic_clock(scope)

    def seconds() -> float:
        return read() / 1_000_000

    def nanoseconds() -> int:
        return read() * 1_000

    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        yield from redirects(
            {
                f"time.{name}": _showing(scope, seconds),
                f"time.{name}_ns": _showing(scope, nanoseconds),
            }
        )


def _numbered_clocks(scope: Scope) -> Iterator[Patch]:
    read, wall = monotonic_clock(scope), wall_clock(scope)

    def nanoseconds(clock: int, /) -> int:
        return wall() if operator.index(clock) in WALL_CLOCKS else read() * 1_000

    def seconds(clock: int, /) -> float:
        return nanoseconds(clock) / 1_000_000_000

    yield from redirects(
        {
            "time.clock_gettime": _showing(scope, seconds),
            "time.clock_gettime_ns": _showing(scope, nanoseconds),
        }
    )


def _accounts(scope: Scope) -> Iterator[Patch]:
    read = monotonic_clock(scope)

    def times() -> posix.times_result:
        now = read() / 1_000_000
        return posix.times_result((now, 0.0, 0.0, 0.0, now))

    def usage(who: int, /) -> resource.struct_rusage:
        operator.index(who)
        return resource.struct_rusage((read() / 1_000_000, *(0,) * 15))

    yield from redirects(
        {"posix.times": _showing(scope, times), "resource.getrusage": _showing(scope, usage)}
    )


def _wall_clocks(scope: Scope) -> Iterator[Patch]:
    yield TimeTravel(scope, wall_clock(scope))
    # Log records compute their age from this; it is whole nanoseconds from Python 3.13 on.
    began: Any = scope.world.wall_ns()
    if isinstance(logging._startTime, float):  # type: ignore[attr-defined]  # noqa: SLF001
        began /= 1_000_000_000
    yield Attribute(logging, "_startTime", began)


def _written_clocks(scope: Scope) -> Iterator[Patch]:
    """Yield patches of functions that time-machine does not replace: the clock as text."""
    read, thread = wall_clock(scope), scope.thread

    def ctime(original: Callable[..., str]) -> Callable[..., str]:
        def written(seconds: Any = None, /) -> str:
            if seconds is None and _get_ident() == thread:
                seconds = read() // 1_000_000_000
            return original(seconds)

        return written

    def asctime(original: Callable[..., str]) -> Callable[..., str]:
        def written(*parts: Any) -> str:
            if not parts and _get_ident() == thread:
                parts = (time.localtime(read() // 1_000_000_000),)
            return original(*parts)

        return written

    yield from redirects({"time.ctime": ctime, "time.asctime": asctime})


def _sleeps(scope: Scope) -> Iterator[Patch]:
    world = scope.world

    def sleep(seconds: Any, /) -> None:
        length = float(seconds) if hasattr(seconds, "__float__") else float(operator.index(seconds))
        if length != length:  # noqa: PLR0124  true for NaN only
            raise ValueError("Invalid value NaN (not a number)")
        if length < 0:
            raise ValueError("sleep length must be non-negative")
        if length >= _SLEEP_END_S:
            raise OverflowError("timestamp too large to convert to C PyTime_t")
        world.sleep(length)

    yield from redirects({"time.sleep": _showing(scope, sleep)})


CONTROLS = (
    Control(
        Source(
            "monotonic-clocks",
            "time.monotonic, perf_counter, process_time, thread_time, and each _ns",
            "controlled",
            "virtual microseconds since the run began",
        ),
        _monotonic_clocks,
    ),
    Control(
        Source(
            "wall-clock",
            "time.time, time_ns, gmtime, localtime, strftime; datetime.now, utcnow, today",
            "controlled",
            "the simulated process's wall clock, through time-machine; the local zone is UTC",
        ),
        _wall_clocks,
    ),
    Control(
        Source(
            "clock-text", "time.ctime, asctime", "controlled", "the simulated process's wall clock"
        ),
        _written_clocks,
    ),
    Control(
        Source(
            "clock-gettime",
            "time.clock_gettime, clock_gettime_ns",
            "controlled",
            "as the clock they name",
        ),
        _numbered_clocks,
    ),
    Control(
        Source(
            "processor-time",
            "os.times, resource.getrusage",
            "controlled",
            "processor time is virtual time",
        ),
        _accounts,
    ),
    Control(
        Source(
            "blocking-sleep",
            "time.sleep",
            "controlled",
            "blocks the simulated process in virtual time",
        ),
        _sleeps,
    ),
)
