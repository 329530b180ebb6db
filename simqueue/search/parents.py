"""Forks: signals wait while a process forks, and a child must not outlive its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies, whatever it is doing then.

    ``parent`` is the parent's process id: if it is dead already, this process ends at once.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def fork() -> int:
    """Fork this process; return 0 in the child, and the child's process id in the parent."""
    with signals_wait(), warnings.catch_warnings():
        # The child runs one thread alone and needs none of the others.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


_before: set[int] = set()
"""The signals that waited already when ``signals_wait`` began."""


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let signals wait until this is done.

    Python runs hooks around a fork and drops what is raised in them. A time limit whose signal
    is handled there, or a Ctrl-C, would be lost.
    """
    global _before  # noqa: PLW0603  a forked child has nothing else of its parent's
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    _before = {int(number) for number in before}
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def signals_arrive() -> None:
    """Handle signals again in a child that never leaves its parent's ``signals_wait``."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, _before)
