"""Evidence: what runs came to, and what no run of a campaign came to though one should have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from simqueue.model import events as e
from simqueue.model.config import Config
from simqueue.sim.run import Run

Schedule = tuple[str, str]
"""A schedule's entrypoint and its expression."""


class Evidence(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """What one run, or several, have come to.

    ``wanted`` and ``reached`` are names of moments, ``struck`` kinds of faults, ``scheduled`` the
    schedules that workers registered, ``claimed`` those that a scheduler took up, ``broken`` the
    signatures of invariants that did not hold.
    """

    wanted: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    struck: frozenset[str] = frozenset()
    scheduled: frozenset[Schedule] = frozenset()
    claimed: frozenset[Schedule] = frozenset()
    broken: frozenset[str] = frozenset()

    def __or__(self, other: Evidence) -> Evidence:
        """Return what both have come to."""
        return Evidence(
            *(getattr(self, name) | getattr(other, name) for name in self.__struct_fields__)
        )

    def missing(self, config: Config) -> tuple[str, ...]:
        """Say what no run came to though one should have."""
        return (
            *(f"sometimes {name!r} was never reached" for name in _left(self.wanted, self.reached)),
            *(
                f"fault {kind} never struck"
                for kind in config.faults.kinds
                if kind not in self.struck
            ),
            *(
                f"schedule {entrypoint} ({expression}) never came due"
                for entrypoint, expression in _left(self.scheduled, self.claimed)
            ),
        )


NOTHING = Evidence()


def _left(wanted: frozenset[Any], had: frozenset[Any]) -> list[Any]:
    return sorted(wanted - had)


def gather(run: Run) -> Evidence:
    """Return what a run has come to, in one pass over its events."""
    found = _Found()
    for entry in run.events:
        note = _NOTES.get(type(entry.event))
        if note is not None:
            note(found, entry.event)
    return Evidence(
        wanted=run.wanted,
        reached=frozenset(found.reached),
        struck=frozenset(found.struck),
        scheduled=frozenset(found.scheduled),
        claimed=frozenset(found.claimed),
        broken=frozenset(found.broken),
    )


class _Found:
    """What the events so far tell."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.struck: set[str] = set()
        self.scheduled: set[Schedule] = set()
        self.claimed: set[Schedule] = set()
        self.broken: set[str] = set()
        self.names: dict[int, Schedule] = {}


def _reached(found: _Found, event: e.Reached) -> None:
    found.reached.add(event.name)


def _struck(found: _Found, event: e.FaultStruck) -> None:
    found.struck.add(event.fault)


def _ready(found: _Found, event: e.WorkerReady) -> None:
    found.scheduled.update(event.schedules)


def _inserted(found: _Found, event: e.ScheduleInserted) -> None:
    found.names[event.schedule_id] = (event.entrypoint, event.expression)


def _picked(found: _Found, event: e.SchedulePicked) -> None:
    schedule = found.names.get(event.schedule_id)
    if schedule is not None:
        found.claimed.add(schedule)


def _broken(found: _Found, event: e.InvariantBroken) -> None:
    found.broken.add(event.signature)


_NOTES: dict[type, Callable[[_Found, Any], None]] = {
    e.Reached: _reached,
    e.FaultStruck: _struck,
    e.WorkerReady: _ready,
    e.ScheduleInserted: _inserted,
    e.SchedulePicked: _picked,
    e.InvariantBroken: _broken,
}
