"""The panel: shows events to all invariants of a run."""

from __future__ import annotations

from collections.abc import Iterable

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.no_orphan import NoOrphan
from simqueue.check.schedule_once import ScheduleOnce
from simqueue.check.view import View
from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.ids import Instant
from simqueue.store import Tables

INVARIANTS: tuple[type[Invariant], ...] = (ScheduleOnce, NoOrphan)
"""All of them, on by default."""

Verdict = tuple[Invariant, Broken]


class Panel:
    """The invariants of one run, and the view they share.

    Raises:
        UsageError: ``config`` names an invariant that there is not.
    """

    __slots__ = ("_invariants", "_seers", "view")

    def __init__(self, tables: Tables, config: Config = Config()) -> None:  # noqa: B008  frozen
        self.view = View(tables, config)
        self._invariants = [invariant(self.view) for invariant in _chosen(config)]
        self._seers: dict[type, list[Invariant]] = {event: [] for event in View.sees}
        for invariant in self._invariants:
            for event in invariant.sees:
                self._seers.setdefault(event, []).append(invariant)

    @property
    def sees(self) -> tuple[type, ...]:
        """The events that any of them wants to be shown."""
        return tuple(self._seers)

    def see(self, entry: Entry) -> Verdict | None:
        """Return the first invariant that ``entry`` breaks and what is wrong, or None."""
        found: Verdict | None = None
        for invariant in self._seers.get(type(entry.event), ()):
            # All of them, since each keeps books.
            broken = invariant.see(entry)
            if broken is not None and found is None:
                found = invariant, broken
        self.view.take(entry)
        return found

    def due(self, now: Instant) -> Instant | None:
        """Return the latest instant by which something that is owed now must have happened."""
        owed = [due for due in (each.due(now) for each in self._invariants) if due is not None]
        return max(owed, default=None)

    def overdue(self, now: Instant) -> Verdict | None:
        """Return the first invariant to which something is owed that should have happened."""
        for invariant in self._invariants:
            broken = invariant.overdue(now)
            if broken is not None:
                return invariant, broken
        return None


def _chosen(config: Config) -> list[type[Invariant]]:
    known = {invariant.name: invariant for invariant in INVARIANTS}
    wanted = known if config.invariants is None else config.invariants
    for name in [*wanted, *config.without]:
        if name not in known:
            raise UsageError(f"no invariant is named {name!r}; there are: {', '.join(known)}")
    on, off = frozenset(wanted), frozenset(config.without)
    return [invariant for name, invariant in known.items() if name in on and name not in off]


def names() -> Iterable[str]:
    """Return the names of all invariants."""
    return (invariant.name for invariant in INVARIANTS)
