"""The four tables of one database."""

from __future__ import annotations

from collections.abc import Iterable

from simqueue.model.ids import Table
from simqueue.store.jobs import Jobs
from simqueue.store.locks import Locks
from simqueue.store.log import Log
from simqueue.store.names import Names
from simqueue.store.schedules import Schedules
from simqueue.store.semantics import NEWEST, Semantics
from simqueue.store.statistics import Statistics

_LOGGED_AHEAD = 33
"""PostgreSQL logs a sequence this many draws ahead, and recovers it to that value."""


class Tables:
    """A database's content, changed by ``apply`` alone, and its statements' semantics."""

    __slots__ = ("jobs", "locks", "log", "names", "schedules", "semantics", "statistics")

    def __init__(self, names: Names, semantics: Semantics = NEWEST) -> None:
        self.names, self.semantics = names, semantics
        self.locks = Locks()
        self.drop()

    def drop(self) -> None:
        """Empty all tables and restart the sequences."""
        self.jobs = Jobs()
        self.log = Log()
        self.statistics = Statistics()
        self.schedules = Schedules()

    def recover(self, emptied: Iterable[Table]) -> None:
        """Recover from a crash: these tables are empty, the sequences of others may leave a gap."""
        lost = frozenset(emptied)
        if "queue" in lost:
            self.jobs = Jobs()
        if "log" in lost:
            self.log = Log()
        if "statistics" in lost:
            self.statistics = Statistics()
        if "schedules" in lost:
            self.schedules = Schedules()
        for table in (self.jobs, self.log, self.statistics, self.schedules):
            # A new sequence has drawn nothing.
            drawn = table.next_id - 1
            table.next_id = -(-drawn // _LOGGED_AHEAD) * _LOGGED_AHEAD + 1
