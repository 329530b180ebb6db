"""The panel: shows events to all invariants of a run."""

from __future__ import annotations

from collections.abc import Iterable

from simqueue.check.cancel_is_heard import CancelIsHeard
from simqueue.check.concurrency_limit import ConcurrencyLimit
from simqueue.check.dedupe_unique import DedupeUnique
from simqueue.check.drain_means_done import DrainMeansDone
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.legal_transition import LegalTransition
from simqueue.check.no_lost_job import NoLostJob
from simqueue.check.no_orphan import NoOrphan
from simqueue.check.no_silent_error import NoSilentError
from simqueue.check.no_starvation import NoStarvation
from simqueue.check.run_ends import RunEnds
from simqueue.check.schedule_on_time import ScheduleOnTime
from simqueue.check.schedule_once import ScheduleOnce
from simqueue.check.single_runner import SingleRunner
from simqueue.check.status_is_true import StatusIsTrue
from simqueue.check.terminal_once import TerminalOnce
from simqueue.check.view import View
from simqueue.check.worker_limit import WorkerLimit
from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.ids import EntryNumber, Instant
from simqueue.store import Tables

INVARIANTS: tuple[type[Invariant], ...] = (
    StatusIsTrue,
    NoLostJob,
    TerminalOnce,
    LegalTransition,
    SingleRunner,
    ConcurrencyLimit,
    WorkerLimit,
    DedupeUnique,
    ScheduleOnce,
    NoOrphan,
    NoStarvation,
    ScheduleOnTime,
    RunEnds,
    DrainMeansDone,
    CancelIsHeard,
    NoSilentError,
)
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

    def see(self, entry: Entry, number: EntryNumber | None = None) -> tuple[Verdict, ...]:
        """Return the invariants that ``entry`` breaks, and what is wrong.

        The entry is the one with that ``number`` in the event log, or else the next one.
        """
        self.view.number = EntryNumber(self.view.number + 1) if number is None else number
        found: tuple[Verdict, ...] = ()
        for invariant in self._seers.get(type(entry.event), ()):
            broken = invariant.see(entry)
            if broken is not None:
                found = (*found, (invariant, broken))
        self.view.take(entry)
        return found

    def due(self, now: Instant) -> Instant | None:
        """Return the latest instant by which something that is owed now must have happened."""
        owed = [due for due in (each.due(now) for each in self._invariants) if due is not None]
        return max(owed, default=None)

    def overdue(self, now: Instant) -> tuple[Verdict, ...]:
        """Return the invariants to which something is owed that should have happened, and what."""
        asked = ((invariant, invariant.overdue(now)) for invariant in self._invariants)
        return tuple((invariant, broken) for invariant, broken in asked if broken is not None)


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
