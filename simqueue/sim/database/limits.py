"""Limits: how long a client waits for a statement, and how long the server works on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The timeouts that a client set when it connected, in microseconds; 0 is no limit.

    ``command``    the client gives up, and asks the server to cancel the statement
    ``statement``  the server cancels the statement: ``statement_timeout``
    ``lock``       the server cancels a statement that waits for a lock: ``lock_timeout``
    """

    command: int = 0
    statement: int = 0
    lock: int = 0


NO_LIMITS = Limits()
