"""Time travel: the wall clock of a run, installed with time-machine, also for C code."""

from __future__ import annotations

import _thread
import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import time_machine

from simqueue.errors import UsageError
from simqueue.sim.code.debuggers import debugging_itself
from simqueue.sim.patching.source import Scope

_ANYWHEN = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_get_ident = _thread.get_ident

Clock = Callable[[], int]


@dataclass(slots=True, eq=False)
class TimeTravel:
    """The wall clock and the local time zone, as time-machine replaces them, also in C code.

    ``read`` returns the run's Unix nanoseconds. A travel of the simulated code begins at its
    destination and continues in virtual time.
    """

    scope: Scope
    read: Clock
    _travels: list[time_machine.travel] = field(default_factory=list)
    _outside: int = 0
    _original: Any = None

    def install(self) -> None:
        """Make the wall clock show virtual time, and set the local time zone to UTC.

        Raises:
            UsageError: freezegun has replaced the clock already.
        """
        import _time_machine  # type: ignore[import-not-found]

        _check_frozen()
        travel = time_machine.travel(_ANYWHEN, tick=False)
        self._outside = len(time_machine.traveller_stack)
        self._travels.append(travel)
        original = self._original = _time_machine.original_time_ns
        stack = time_machine.traveller_stack
        outer = stack[-1].time_ns if stack else original
        travel.start().time_ns = self._shown(outer)  # type: ignore[method-assign]
        # The clock by which travels within the run tick.
        _time_machine.original_time_ns = self._shown(original)

    def restore(self) -> None:
        """End the travel, and those that the simulated code began and did not end."""
        import _time_machine

        if self._original is not None:
            _time_machine.original_time_ns = self._original
        if not self._travels:
            return
        while len(time_machine.traveller_stack) > self._outside:
            os.environ.setdefault("TZ", "UTC")  # time-machine removes it, and does not look first
            self._travels[0].stop()
        self._travels.clear()

    def _shown(self, outside: Clock) -> Clock:
        """Return a clock that shows the run's time to its own thread, and ``outside`` to others."""
        read, thread, get_ident = self.read, self.scope.thread, _get_ident
        world = self.scope.world

        def time_ns() -> int:
            if get_ident() != thread or (world.attended and debugging_itself()):
                return outside()
            return read()

        return time_ns


def _check_frozen() -> None:
    if dt.datetime.__name__ == "FakeDatetime":
        raise UsageError(
            "freezegun has replaced the clock, and a simulation has a clock of its own: leave out "
            "freeze_time and the fixture freezer, and set the start of the run with "
            "simqueue.Config(start=...); time-machine works"
        )


def travelled_to() -> dt.datetime | None:
    """Return the destination of time-machine's innermost travel, in UTC; None without one."""
    stack = time_machine.traveller_stack
    if not stack:
        return None
    nanoseconds: int = stack[-1]._destination_timestamp_ns  # noqa: SLF001  the public attribute may tick
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=nanoseconds // 1000)
