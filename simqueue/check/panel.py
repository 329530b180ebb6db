"""The panel: shows events to all invariants of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from simqueue.check.book import Book
from simqueue.check.expectations import EXPECTATIONS
from simqueue.check.invariant import Broken, Invariant
from simqueue.check.invariants import INVARIANTS
from simqueue.check.view import View
from simqueue.errors import UsageError, excerpt
from simqueue.model.config import Config
from simqueue.model.events import Entry, StatementSent
from simqueue.model.ids import EntryNumber, Instant
from simqueue.store import Tables

Verdict = tuple[Invariant, Broken]


class Panel:
    """The invariants of one run, and the view they share.

    Raises:
        UsageError: ``config`` names an unknown invariant.
    """

    __slots__ = ("_audiences", "_hearers", "_invariants", "view")

    def __init__(self, tables: Tables, config: Config = Config()) -> None:  # noqa: B008  frozen
        self.view = View(tables, config)
        chosen = _chosen(config.invariants, frozenset(config.without))
        self._invariants = [invariant(self.view) for invariant in chosen]
        self._audiences: dict[type, _Audience] = {}
        self._hearers: dict[str, list[Invariant]] = {}
        self._seat()

    def _seat(self) -> None:
        for invariant in self._invariants:
            for event in invariant.sees:
                self._audience(event).judges.append(invariant)
            for statement in invariant.hears:
                self._hearers.setdefault(statement, []).append(invariant)
        for book in self.view.books.values():
            for event in book.sees:
                self._audience(event).books.append(book)
        for event, taker in View.takers.items():
            self._audience(event).taker = taker

    def _audience(self, event: type) -> _Audience:
        audience = self._audiences.get(event)
        if audience is None:
            audience = self._audiences[event] = _Audience()
        return audience

    @property
    def sees(self) -> tuple[type, ...]:
        """The events that any of them needs to see."""
        return (*self._audiences, *([StatementSent] if self._invariants else []))

    def see(self, entry: Entry, number: EntryNumber | None = None) -> tuple[Verdict, ...]:
        """Return the invariants that ``entry`` breaks, and what is wrong.

        The entry is the one with that ``number`` in the event log, or else the next one.
        """
        self.view.number = EntryNumber(self.view.number + 1) if number is None else number
        event = entry.event
        if isinstance(event, StatementSent):
            return self._hear(entry, event.name)
        audience = self._audiences.get(type(event))
        if audience is None:
            return ()
        verdicts = _judged(audience.judges, entry)
        for book in audience.books:
            book.take(entry)
        if audience.taker is not None:
            audience.taker(self.view, entry, event)
        return verdicts

    def _hear(self, entry: Entry, statement: str) -> tuple[Verdict, ...]:
        hearers = self._hearers.get(statement)
        verdicts = _judged(hearers, entry) if hearers else ()
        taker = View.hearers.get(statement)
        if taker is not None:
            taker(self.view, entry)
        return verdicts

    def due(self, now: Instant) -> Instant | None:
        """Return the latest deadline of all that is owed now; None if nothing is."""
        owed = [due for due in (each.due(now) for each in self._invariants) if due is not None]
        return max(owed, default=None)

    def overdue(self, now: Instant) -> tuple[Verdict, ...]:
        """Return the invariants with something overdue, and their violations."""
        asked = ((invariant, invariant.overdue(now)) for invariant in self._invariants)
        return tuple((invariant, broken) for invariant, broken in asked if broken is not None)


@dataclass(slots=True)
class _Audience:
    """The receivers of events of one type, in this order."""

    judges: list[Invariant] = field(default_factory=list)
    books: list[Book] = field(default_factory=list)
    taker: Callable[[View, Entry, Any], None] | None = None


def _judged(judges: Iterable[Invariant], entry: Entry) -> tuple[Verdict, ...]:
    verdicts: tuple[Verdict, ...] = ()
    for invariant in judges:
        broken = invariant.see(entry)
        if broken is not None:
            verdicts = (*verdicts, (invariant, broken))
    return verdicts


def check_names(config: Config) -> None:
    """Raise ``UsageError`` if a config names an unknown invariant or expectation."""
    _chosen(config.invariants, frozenset(config.without))


@cache
def _chosen(only: tuple[str, ...] | None, off: frozenset[str]) -> list[type[Invariant]]:
    known = {invariant.name: invariant for invariant in INVARIANTS}
    on = known if only is None else only
    for name in [*on, *sorted(off.difference(EXPECTATIONS))]:
        if name not in known:
            raise UsageError(
                f"no invariant is named {excerpt(name)!r}; there are: {', '.join(known)}, and to "
                f"switch off: {', '.join(EXPECTATIONS)}"
            )
    return [invariant for name, invariant in known.items() if name in on and name not in off]
