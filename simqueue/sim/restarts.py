"""Restarts: whether a worker's process starts again after its end, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RestartPolicy = Literal["never", "always"]
"""Whether a supervisor starts a process again that ended by itself or was killed."""

_BACKOFF_US, _BACKOFF_MAX_US, _DOUBLINGS_MAX = 100_000, 60_000_000, 20


@dataclass(slots=True, eq=False)
class Restarts:
    """The effect of the next end of one worker's process.

    ``requested``    the scenario called ``restart()`` while the process was up
    ``stopped``      the scenario called ``stop()``, so that only the scenario starts it again
    ``after_fault``  microseconds from the end to the next start if a fault ends the process; None
                     if no fault does
    """

    policy: RestartPolicy
    requested: bool = False
    stopped: bool = False
    after_fault: int | None = None
    _ended_by_faults: int = 0

    def begin(self) -> None:
        """Forget the requests to the previous incarnation, since a new one starts."""
        self.requested, self.stopped, self.after_fault = False, False, None

    def after(self, delay: int) -> None:
        """Start again ``delay`` microseconds after the end that a fault causes, or later.

        The wait doubles with each fault, as with real supervisors: otherwise a process could do
        nothing but start and end.
        """
        wait = min(_BACKOFF_US << min(self._ended_by_faults, _DOUBLINGS_MAX), _BACKOFF_MAX_US)
        self._ended_by_faults += 1
        self.after_fault = max(delay, wait)

    def supervised(self, *, returned: bool) -> bool:
        """Return whether the supervisor starts a process again that has just ended."""
        return self.policy == "always" and not returned and not self.stopped
