"""Standstill: ends a run in which one step neither computes nor returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from simqueue.model.failure import Failure
from simqueue.sim.code.debuggers import debugged
from simqueue.sim.code.places import is_users, place
from simqueue.sim.kernel.core import Core, Hang
from simqueue.sim.loop.machine import Machine
from simqueue.sim.patching.builtin import builtin
from simqueue.sim.watches.realtime import ticking

_TICKS = 10
_TICK_MIN_S = 0.02
_BUSY = 0.05
"""The share of a processor from which on a step counts as computing."""
_SCHEDULER = "simqueue.sim.kernel.scheduler"


class _Watch:
    """Compares a run at each tick with the tick before: its steps and processor time."""

    def __init__(self, machine: Machine, tick_s: float) -> None:
        self._machine, self._core, self._tick_s = machine, machine.core, tick_s
        clock = builtin("time.thread_time")
        assert clock is not None  # noqa: S101  every CPython that runs this has it
        self._processor_s = clock.original  # the real one, also in a run
        self._steps, self._spent, self._still = -1, 0.0, 0

    def look(self, number: int, frame: FrameType | None) -> None:
        """End the run if nothing has moved for too many ticks."""
        spent, steps = self._processor_s(), self._core.scheduler.steps
        waits = steps == self._steps and spent - self._spent < _BUSY * self._tick_s
        self._steps, self._spent = steps, spent
        # If the whole process was stopped, that is one tick, however long it took.
        self._still = self._still + 1 if waits and self._judged(frame) else 0
        if self._still >= _TICKS:
            self._still = 0
            self._core.fail(_failure(self._machine, _place(self._core, frame)))
            raise Hang

    def _judged(self, frame: FrameType | None) -> bool:
        """Return whether the user's code runs and no debugger's prompt is open."""
        return self._core.interruptible and not self._core.attended and not debugged(frame)


@contextmanager
def moving(machine: Machine) -> Iterator[None]:
    """End the run when one step waits longer, in real time, than ``Config.step_limit``.

    It waits for something outside the simulation, or for something that another step would do.
    """
    limit = machine.core.config.step_limit.total_seconds()
    if not limit:
        yield
        return
    tick_s = max(limit / _TICKS, _TICK_MIN_S)
    with ticking(tick_s, _Watch(machine, tick_s).look):
        yield


def _place(core: Core, innermost: FrameType | None) -> str:
    """Return the user's line that waits, or the process if the line is unknown."""
    frame = innermost
    while frame is not None and frame.f_globals.get("__name__") != _SCHEDULER:
        if is_users(frame.f_code.co_filename):
            return place(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return f"an unknown place of {core.scheduler.current.worker}"


def _failure(machine: Machine, where: str) -> Failure:
    limit = machine.core.config.step_limit.total_seconds()
    which = "a function in a thread" if machine.in_thread() else "a step"
    message = (
        f"{which} has neither computed nor returned at {where} for {limit:g} s of real time, which "
        "is what Config.step_limit allows: it waits for something outside the simulation, or for "
        "what only another step could do, such as to release a lock; no other step runs before "
        "this one is over"
    )
    return Failure("livelock", message, where, f"livelock:hang:{where.partition(' in ')[2]}")
