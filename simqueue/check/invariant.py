"""What an invariant is."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from simqueue.check.view import View
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId, ScheduleId


class Broken(msgspec.Struct, frozen=True):
    """What is wrong, in queue words.

    ``variant`` tells apart ways in which one invariant breaks for different reasons; it enters the
    failure's signature, so it names neither jobs nor workers nor times. ``jobs`` and ``schedules``
    are those it is about.
    """

    message: str
    variant: str = ""
    jobs: tuple[JobId, ...] = ()
    schedules: tuple[ScheduleId, ...] = ()


class Invariant:
    """One claim about every run.

    An invariant of safety judges event by event. One of liveness says what is owed: ``due`` until
    when the world may take its time, and ``overdue`` what it has not done by then. Those are asked
    when a run ends, when it gives up waiting, and whenever ``see`` cannot tell.
    """

    name: ClassVar[str]
    explanation: ClassVar[Explanation]
    """What it means; its ``meaning`` is what a failure says was expected."""
    sees: ClassVar[tuple[type, ...]] = ()
    """The events it wants to be shown."""
    hears: ClassVar[tuple[str, ...]] = ()
    """The statements that it wants to be shown when they are sent, by name."""

    def __init__(self, view: View) -> None:
        self.view = view

    def see(self, entry: Entry) -> Broken | None:
        """Return what is wrong after this event: ``view`` is as before it, the tables as after."""
        return None

    def due(self, now: Instant) -> Instant | None:
        """Return the latest instant by which something that is owed now must have happened."""
        return None

    def overdue(self, now: Instant) -> Broken | None:
        """Return what should have happened by now and has not."""
        return None
