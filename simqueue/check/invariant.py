"""What an invariant is, and the panel that shows events to all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol

from simqueue.check.no_orphan import NoOrphan
from simqueue.check.schedule_once import ScheduleOnce
from simqueue.errors import UsageError
from simqueue.model.events import Entry
from simqueue.store import Tables


class Invariant(Protocol):
    """One claim about every run, judged event by event."""

    name: ClassVar[str]
    reason: ClassVar[str]
    sees: ClassVar[tuple[type, ...]]
    """The events it wants to be shown."""

    def __init__(self, tables: Tables) -> None: ...

    def see(self, entry: Entry) -> str | None:
        """Return what is wrong after this event, in queue words, or None."""
        ...


INVARIANTS: tuple[type[Invariant], ...] = (ScheduleOnce, NoOrphan)
"""All of them, on by default."""


class Panel:
    """The invariants of one run."""

    __slots__ = ("_seers",)

    def __init__(self, tables: Tables, *, without: Iterable[str] = ()) -> None:
        off = _known(without)
        self._seers: dict[type, list[Invariant]] = {}
        for invariant in INVARIANTS:
            if invariant.name not in off:
                self._seat(invariant(tables))

    @property
    def sees(self) -> tuple[type, ...]:
        """The events that any of them wants to be shown."""
        return tuple(self._seers)

    def _seat(self, invariant: Invariant) -> None:
        for event in invariant.sees:
            self._seers.setdefault(event, []).append(invariant)

    def see(self, entry: Entry) -> tuple[str, str] | None:
        """Return the first invariant that ``entry`` breaks by name, and what is wrong, or None."""
        for invariant in self._seers.get(type(entry.event), ()):
            message = invariant.see(entry)
            if message is not None:
                return invariant.name, message
        return None


def _known(names: Iterable[str]) -> frozenset[str]:
    off = frozenset(names)
    unknown = sorted(off - {invariant.name for invariant in INVARIANTS})
    if unknown:
        known = ", ".join(invariant.name for invariant in INVARIANTS)
        raise UsageError(f"no invariant is named {unknown[0]!r}; there are: {known}")
    return off
