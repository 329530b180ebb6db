"""The base class of invariants, and the record of a violation."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from simqueue.check.view import View
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Instant, JobId, ScheduleId


class Broken(msgspec.Struct, frozen=True):
    """A violation of an invariant; ``message`` says what is wrong.

    ``variant`` distinguishes ways in which one invariant is violated for different reasons; it
    enters the failure's signature, so it names neither jobs nor workers nor times. ``jobs`` and
    ``schedules`` are those it is about.
    """

    message: str
    variant: str = ""
    jobs: tuple[JobId, ...] = ()
    schedules: tuple[ScheduleId, ...] = ()


class Invariant:
    """One claim about every run.

    A safety invariant judges event by event. A liveness invariant demands that something happens:
    ``due`` returns the deadline, and ``overdue`` the violation if it has not happened by then. Both
    are called when a run ends and when it gives up waiting.
    """

    name: ClassVar[str]
    explanation: ClassVar[Explanation]
    """Its explanation; a failure reports the ``meaning`` as what was expected."""
    sees: ClassVar[tuple[type, ...]] = ()
    """The events that it needs to see."""
    hears: ClassVar[tuple[str, ...]] = ()
    """The names of the statements that it needs to see when they are sent."""

    def __init__(self, view: View) -> None:
        self.view = view

    def see(self, entry: Entry) -> Broken | None:
        """Return the violation by this event: ``view`` is as before it, the tables as after it."""
        return None

    def due(self, now: Instant) -> Instant | None:
        """Return the latest deadline of all that must happen; None if nothing must."""
        return None

    def overdue(self, now: Instant) -> Broken | None:
        """Return the violation if something should have happened by now and has not."""
        return None
