"""Appointments: calls that are due when a process has run a number of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simqueue.sim.kernel.process import Process


@dataclass(slots=True, eq=False)
class Appointment:
    """``callback`` is to be called as ``process`` when ``watched`` has run ``left`` more steps."""

    left: int
    since: int
    watched: Process
    process: Process
    callback: Callable[[], object]


class Appointments:
    """The calls that are not due yet; false if there are none."""

    __slots__ = ("_counted", "_open")

    def __init__(self) -> None:
        self._open: list[Appointment] = []
        self._counted = 0
        """Up to which of the scheduler's steps the steps of processes have been counted."""

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(
        self,
        step: int,
        count: int,
        watched: Process,
        process: Process,
        callback: Callable[[], object],
    ) -> None:
        """Have ``callback()`` called ``count`` steps of ``watched`` after the present ``step``."""
        if not self._open:
            self._counted = step
        self._open.append(Appointment(count, step, watched, process, callback))

    def next_step(self, step: int) -> int:
        """Return the step of the next appointment: ``step`` itself if one is due."""
        return step if any(each.left <= 0 for each in self._open) else self._counted + 1

    def due(self, step: int, ran: Process) -> list[Appointment]:
        """Count the step that the process ``ran`` has taken; return the calls that it makes due.

        Those of processes that have ended are dropped.
        """
        if step > self._counted:
            self._counted = step
            for each in self._open:
                each.left -= each.watched is ran and step > each.since
        living = [each for each in self._open if each.watched.alive]
        self._open = [each for each in living if each.left > 0]
        return [each for each in living if each.left <= 0]
