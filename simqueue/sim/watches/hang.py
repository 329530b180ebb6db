"""Hangs: ends a run in which one step computes for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from simqueue.model.failure import Failure
from simqueue.sim.code.debuggers import debugged
from simqueue.sim.code.places import place_of
from simqueue.sim.kernel.core import Core, Hang


@contextmanager
def watched(core: Core) -> Iterator[None]:
    """End the run when one step takes more processor time than the configuration allows.

    The time is real, so that no seed repeats exactly when a hang is found. Nothing is watched in
    other threads than the main one, and where other code uses the timer of processor time.
    """
    limit = core.config.step_limit.total_seconds()
    free = signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    if not limit or not free or threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = -1

    def look(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        if debugged(frame):  # a person at a debugger may take time
            seen = -1
            return
        if core.scheduler.steps != seen:
            seen = core.scheduler.steps
            return
        if not core.interruptible:
            return
        where = "an unknown place" if frame is None else place_of(frame)
        core.fail(_failure(where, core.config.step_limit))
        raise Hang

    try:
        signal.signal(signal.SIGVTALRM, look)
        # Two ticks in a step: at the first one it may just have begun.
        signal.setitimer(signal.ITIMER_VIRTUAL, limit / 2, limit / 2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)


def _failure(where: str, limit: timedelta) -> Failure:
    message = (
        f"a step has been computing at {where} for more than {limit.total_seconds() / 2:g} s of "
        "processor time without awaiting anything: Config.step_limit allows "
        f"{limit.total_seconds():g} s"
    )
    return Failure("livelock", message, where, f"livelock:hang:{where.partition(' in ')[2]}")
