"""Clocks: every one of them shows the virtual time of the simulated process that reads it."""

from __future__ import annotations

import _thread
import logging
import operator
import posix
import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import time_machine

from simqueue.errors import RefusedError
from simqueue.sim.debuggers import debugging, debugging_itself
from simqueue.sim.imports import LOCKS, importing
from simqueue.sim.patch import Attribute, Patch, Replace, redirects
from simqueue.sim.places import place_of_caller
from simqueue.sim.source import SIMULATING, Control, Scope, Source

Clock = Callable[[], int]

_ANYWHEN = datetime(2000, 1, 1, tzinfo=UTC)
WALL_CLOCKS = frozenset(
    getattr(time, name)
    for name in ("CLOCK_REALTIME", "CLOCK_REALTIME_COARSE", "CLOCK_TAI")
    if hasattr(time, name)
)
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
    """Return what replaces a clock by ``show(its arguments)`` in this run's thread."""
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


@dataclass(slots=True, eq=False)
class TimeTravel:
    """The wall clock and the local time zone, as time-machine replaces them, also in C code."""

    scope: Scope
    _travels: list[time_machine.travel] = field(default_factory=list)
    _outside: int = 0

    def install(self) -> None:
        """Let the wall clock show virtual time, and pin the local time zone to UTC."""
        travel = time_machine.travel(_ANYWHEN, tick=False)
        self._outside = len(time_machine.traveller_stack)
        self._travels.append(travel)
        travel.start().time_ns = self._time_ns()  # type: ignore[method-assign]

    def restore(self) -> None:
        """Come back, also from travels that the simulated code began and did not end."""
        if not self._travels:
            return
        while len(time_machine.traveller_stack) > self._outside:
            self._travels[0].stop()
        self._travels.clear()

    def _time_ns(self) -> Clock:
        import _time_machine  # type: ignore[import-not-found]

        stack = time_machine.traveller_stack
        outer = stack[-1].time_ns if stack else _time_machine.original_time_ns
        read, thread, get_ident = wall_clock(self.scope), self.scope.thread, _get_ident
        world = self.scope.world

        def time_ns() -> int:
            if get_ident() != thread or (world.attended and debugging_itself()):
                result: int = outer()
                return result
            return read()

        return time_ns


def _wall_clocks(scope: Scope) -> Iterator[Patch]:
    yield TimeTravel(scope)
    # Log records tell their age from this; it is whole nanoseconds from Python 3.13 on.
    began: Any = scope.world.wall_ns()
    if isinstance(logging._startTime, float):  # type: ignore[attr-defined]  # noqa: SLF001
        began /= 1_000_000_000
    yield Attribute(logging, "_startTime", began)


def _written_clocks(scope: Scope) -> Iterator[Patch]:
    """Yield patches of what time-machine leaves alone: the clock as text."""
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
        if length != length:  # noqa: PLR0124  that is how a NaN is told
            raise ValueError("Invalid value NaN (not a number)")
        if length < 0:
            raise ValueError("sleep length must be non-negative")
        world.sleep(length)

    yield from redirects({"time.sleep": _showing(scope, sleep)})


def _waits(scope: Scope) -> Iterator[Patch]:
    original = threading.Condition.wait
    world, thread = scope.world, scope.thread

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        if _get_ident() != thread or thread not in SIMULATING or debugging():
            return original(self, timeout)
        if not self._is_owned():  # type: ignore[attr-defined]
            raise RuntimeError("cannot wait on un-acquired lock")
        if timeout is None:
            return _wait_for_another(self, original)
        # Nobody in the run can notify meanwhile: tasks and functions run before it or after it.
        if timeout > 0:
            world.sleep(timeout)
        return False

    yield Attribute(threading.Condition, "wait", wait)


def _wait_for_another(
    condition: threading.Condition, wait: Callable[[threading.Condition], bool]
) -> bool:
    """Wait in real time, at one virtual instant, for a thread that was started before the run."""
    if not _others():
        raise RefusedError(
            "waiting for another thread without a timeout",
            place_of_caller(),
            "no other thread runs meanwhile, so it would wait for ever; await an asyncio.Event "
            "or asyncio.Queue",
        )
    return wait(condition)


def _others() -> bool:
    """Return whether a thread runs that somebody started and means to see finished.

    The main thread does not count, since it waits for the run, nor do daemons, which test runners
    and debuggers keep: a run must not hang under them that is refused without.
    """
    mine = (threading.current_thread(), threading.main_thread())
    return any(each not in mine and not each.daemon for each in threading.enumerate())


CONTROLS = (
    Control(
        Source(
            "time.monotonic, perf_counter, process_time, thread_time, and each _ns",
            "controlled",
            "virtual microseconds since the run began",
        ),
        _monotonic_clocks,
    ),
    Control(
        Source(
            "time.time, time_ns, gmtime, localtime, strftime; datetime.now, utcnow, today",
            "controlled",
            "the simulated process's wall clock, through time-machine; the local zone is UTC",
        ),
        _wall_clocks,
    ),
    Control(
        Source("time.ctime, asctime", "controlled", "the simulated process's wall clock"),
        _written_clocks,
    ),
    Control(
        Source("time.clock_gettime, clock_gettime_ns", "controlled", "as the clock they name"),
        _numbered_clocks,
    ),
    Control(
        Source("os.times, resource.getrusage", "controlled", "processor time is virtual time"),
        _accounts,
    ),
    Control(
        Source("time.sleep", "controlled", "blocks the simulated process in virtual time"),
        _sleeps,
    ),
    Control(
        Source(
            "threading.Condition.wait, Event.wait, queue.Queue.get and put",
            "controlled",
            "with a timeout: blocks in virtual time until it is over; without: refused, unless a "
            "thread that is no daemon was started before the run and can end it",
        ),
        _waits,
    ),
)
