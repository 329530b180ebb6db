"""Forks: signals are held back while a process forks, and children end with their parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies.

    ``parent`` is the parent's process id: if it is dead already, this process ends at once.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def may_have_children() -> None:
    """Let this process start others, though ``multiprocessing`` ends it with its parent.

    Else it refuses them with an error of its own, which a run played elsewhere does not have.
    """
    multiprocessing.current_process().daemon = False


def fork() -> int:
    """Fork this process; return 0 in the child, and the child's process id in the parent."""
    with signals_wait(), warnings.catch_warnings():
        # The child runs only this thread and needs none of the others.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class _Outermost(threading.local):
    """The signals that were blocked before a thread's outermost ``signals_wait``."""

    before: set[int | signal.Signals] | None = None


_outermost = _Outermost()


@contextmanager
def signals_wait() -> Iterator[None]:
    """Hold signals back until the block is done.

    Python runs hooks around a fork and drops errors that are raised in them. A time limit or a
    Ctrl-C whose signal is handled there would be lost.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    is_outermost = _outermost.before is None
    if is_outermost:
        _outermost.before = before
    try:
        yield
    finally:
        if is_outermost:
            _outermost.before = None
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def signals_arrive() -> None:
    """Handle signals again in a child that never leaves its parent's ``signals_wait``."""
    before, _outermost.before = _outermost.before, None
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
