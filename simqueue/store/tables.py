"""The four tables of one database."""

from __future__ import annotations

from simqueue.store.jobs import Jobs
from simqueue.store.log import Log
from simqueue.store.names import Names
from simqueue.store.schedules import Schedules
from simqueue.store.statistics import Statistics


class Tables:
    """What a database holds; changed by ``apply`` alone."""

    __slots__ = ("jobs", "log", "names", "schedules", "statistics")

    def __init__(self, names: Names) -> None:
        self.names = names
        self.drop()

    def drop(self) -> None:
        """Begin again, with empty tables and sequences at their start."""
        self.jobs = Jobs()
        self.log = Log()
        self.statistics = Statistics()
        self.schedules = Schedules()
