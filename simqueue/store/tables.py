"""The four tables of one database."""

from __future__ import annotations

from simqueue.store.jobs import Jobs
from simqueue.store.locks import Locks
from simqueue.store.log import Log
from simqueue.store.names import Names
from simqueue.store.schedules import Schedules
from simqueue.store.semantics import NEWEST, Semantics
from simqueue.store.statistics import Statistics


class Tables:
    """What a database holds, changed by ``apply`` alone, and whose statements it understands."""

    __slots__ = ("jobs", "locks", "log", "names", "schedules", "semantics", "statistics")

    def __init__(self, names: Names, semantics: Semantics = NEWEST) -> None:
        self.names, self.semantics = names, semantics
        self.locks = Locks()
        self.drop()

    def drop(self) -> None:
        """Begin again, with empty tables and sequences at their start."""
        self.jobs = Jobs()
        self.log = Log()
        self.statistics = Statistics()
        self.schedules = Schedules()
