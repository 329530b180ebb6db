"""Losses: how a process that played a run ended, and whether something outside ended it."""

from __future__ import annotations

import signal
from contextlib import suppress

_FROM_OUTSIDE = {-each for each in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
"""A crash raises other signals: a segmentation fault is the run's own and is not tried again."""


def ending(status: int) -> str:
    """Describe how a process ended, given its exit status; a negative one is a signal's number."""
    if status >= 0:
        return f"ended with status {status}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-status).name}"
    return f"was killed by signal {-status}"


def is_from_outside(status: int) -> bool:
    """Return whether a process with this exit status may have been killed from outside.

    The kernel does that when memory runs out, and so does an operator. A process that sends itself
    the same signal looks the same.
    """
    return status in _FROM_OUTSIDE


def lost_again(killed: str, ended: str) -> str:
    """Describe how a run was lost if its first process was ``killed`` and its second ``ended``."""
    return f"{ended}, twice" if ended == killed else f"{ended}; the first one {killed}"
