"""Interrupts: Ctrl-C ends a run at once, but not while it is set up or taken down."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from simqueue.sim.code.debuggers import debugging


class Gate:
    """Lets interrupts through while it is open; keeps one that came while it was closed.

    One that was let through is kept, too, since code may swallow it. ``foreign``: interrupts are
    handled elsewhere, but may be raised here.
    """

    __slots__ = ("_on_interrupt", "came", "foreign", "kept", "over")

    def __init__(self, *, foreign: bool) -> None:
        self.foreign = foreign
        self.over = self.kept = self.came = False
        self._on_interrupt: Callable[[], None] | None = None

    def explains(self) -> bool:
        """Return whether a ``KeyboardInterrupt`` can be a person's, and not the code's own."""
        return self.came or self.foreign

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise ``KeyboardInterrupt``, or keep it."""
        self.came = True
        # A debugger catches it at its prompt, and puts back handlers that it has seen once.
        if self.over or debugging(frame):
            raise KeyboardInterrupt
        self.kept = True
        if self._on_interrupt is not None:
            self._on_interrupt()
            raise KeyboardInterrupt

    @contextmanager
    def opened(self, on_interrupt: Callable[[], None]) -> Iterator[None]:
        """Let interrupts through while this lasts; call ``on_interrupt`` before one is raised."""
        try:
            self._on_interrupt = on_interrupt
            yield
        finally:
            self._on_interrupt = None


@contextmanager
def gated() -> Iterator[Gate]:
    """Keep interrupts until the end, except while the gate is open.

    In other threads than the main one, and where other code handles interrupts, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not ours or not in_main_thread:
        ignored = before in (signal.SIG_IGN, signal.SIG_DFL) and in_main_thread
        yield Gate(foreign=in_main_thread and not ignored)
        return
    gate = Gate(foreign=False)
    signal.signal(signal.SIGINT, gate.handle)
    try:
        yield gate
    finally:
        gate.over = True
        signal.signal(signal.SIGINT, before)
    if gate.kept:
        raise KeyboardInterrupt
