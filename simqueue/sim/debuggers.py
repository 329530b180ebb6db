"""Debuggers: what they do is done for a person, who is no part of the run."""

from __future__ import annotations

import _thread
import bdb
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from simqueue.sim.patch import Attribute, installed
from simqueue.sim.places import is_users

_DEBUGGERS = frozenset(("bdb", "cmd", "code", "pdb"))
_get_ident = _thread.get_ident


def debugging(innermost: FrameType | None = None) -> bool:
    """Return whether a debugger asks, not the code it is attached to."""
    frame = innermost or sys._getframe(1)  # noqa: SLF001
    while frame is not None and not is_users(frame.f_code.co_filename):
        if frame.f_globals.get("__name__") in _DEBUGGERS:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def debugged(innermost: FrameType | None) -> bool:
    """Return whether a debugger is at work on a stack, also in code it was told to run."""
    frame = innermost
    while frame is not None:
        if frame.f_globals.get("__name__") in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False


@contextmanager
def quitting(on_quit: Callable[[], None]) -> Iterator[None]:
    """Call ``on_quit`` when a debugger in this thread is told to quit, or has no more input.

    It then raises an error where it stood, which PgQueuer takes for a failure of the job.
    """
    thread, original = _get_ident(), bdb.Bdb.set_quit

    def set_quit(self: bdb.Bdb) -> None:
        if _get_ident() == thread:
            on_quit()
        original(self)

    with installed([Attribute(bdb.Bdb, "set_quit", set_quit)]):
        yield
