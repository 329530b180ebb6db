"""Interrupts: Ctrl-C ends what a run plays at once, but never its setting up or taking down."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Gate:
    """Lets interrupts through while it is open; keeps one that came while it was closed."""

    __slots__ = ("kept", "open")

    def __init__(self) -> None:
        self.open = False
        self.kept = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise ``KeyboardInterrupt``, or keep it."""
        if not self.open:
            self.kept = True
            return
        self.open = False
        raise KeyboardInterrupt


@contextmanager
def gated() -> Iterator[Gate]:
    """Keep interrupts until the end, except while the gate is open.

    Where interrupts do not come here, in other threads and where somebody else handles them,
    nothing is changed.
    """
    gate = Gate()
    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield gate
        return
    signal.signal(signal.SIGINT, gate.handle)
    try:
        yield gate
    finally:
        signal.signal(signal.SIGINT, before)
    if gate.kept:
        raise KeyboardInterrupt
