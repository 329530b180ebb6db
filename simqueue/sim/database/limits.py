"""Limits: how long a client waits for a statement, and the server works on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client has asked for when it connected, in microseconds; 0 is no limit.

    ``command``    after so long the client gives up, and sends the server a request to cancel
    ``statement``  after so long the server cancels a statement: ``statement_timeout``
    ``lock``       after so long it cancels one that waits for a lock: ``lock_timeout``
    """

    command: int = 0
    statement: int = 0
    lock: int = 0


NO_LIMITS = Limits()
