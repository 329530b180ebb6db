"""Outside interruptions: signal handlers that are no part of the run, such as a time limit.

Such a handler runs between any two instructions, also in the middle of simulated code. An error
that it raises is no error of that code: it ends the run without a verdict.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

from simqueue.sim.kernel.core import Core
from simqueue.sim.patching.source import SIMULATING

_OURS = frozenset({signal.SIGINT, signal.SIGVTALRM})
"""Signals that ``interrupts`` and ``hang`` handle."""

Aside = Callable[[], AbstractContextManager[None]]
"""Lets code run without changing the run."""


@contextmanager
def ended_from_outside(core: Core, aside: Aside) -> Iterator[None]:
    """End the run with the exception of a signal handler, even if simulated code catches it.

    A signal that comes while a run is set up or taken down is handled when that is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    before = {number: handler for number, handler in _handlers() if number not in _OURS}

    def handle(number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True  # of pytest's reports
        if not core.interruptible:
            kept.append(number)
            return
        try:
            with aside(), _unrefused():
                before[number](number, frame)
        except BaseException as error:
            core.abort(error)
            raise

    try:
        for number in before:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in kept:
        before[number](number, None)


@contextmanager
def _unrefused() -> Iterator[None]:
    """Allow code outside the run actions that are refused in it, such as setting another alarm."""
    thread = _thread.get_ident()
    simulated = SIMULATING.pop(thread, None)
    try:
        yield
    finally:
        if simulated is not None:
            SIMULATING[thread] = simulated


def _handlers() -> Iterator[tuple[int, Callable[[int, FrameType | None], Any]]]:
    """Yield the signals that a Python function handles."""
    for number in range(1, signal.NSIG):
        handler = _signal.getsignal(number)  # signal.getsignal makes enums, of all in each run
        if callable(handler):
            yield number, handler
