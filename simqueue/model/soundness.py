"""Soundness: whether a decoded trace is one that a run can have written.

Types and bounds are checked when a document is decoded. This module checks the relations between
its parts that every reader of a trace relies on: its tables can be folded, causes come before their
effects, and times rise and are dates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from simqueue.model import events as e
from simqueue.model.choice import Choice
from simqueue.model.failure import Outcome
from simqueue.model.fault import faults_with
from simqueue.model.rowbook import RowBook

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TARGET_MAX = 4096
"""Bytes; a path has no more."""

_WITH_LENGTH = frozenset(
    fault.kind for effect in ("slow", "hold-up") for fault in faults_with(effect)
)
"""Faults whose detail begins with the number of seconds that they last."""


class UnsoundError(ValueError):
    """A trace contradicts itself; the text says where and how."""


def check_soundness(
    events: Sequence[e.Entry],
    choices: Sequence[Choice],
    outcome: Outcome,
    *,
    target: str,
    epoch_us: int,
) -> None:
    """Raise ``UnsoundError`` unless a run can have written a trace of these."""
    _check_events(events)
    _check_choices(choices)
    _check_outcome(outcome)
    _check_target(target)
    last = events[-1].at if events else 0
    _check_dates(epoch_us, max(last, outcome.simulated))


def _check_events(entries: Sequence[e.Entry]) -> None:
    book, managers = RowBook(), _Managers()
    appliers = book.appliers
    before = number = 0
    try:
        for number, entry in enumerate(entries):
            at, cause, event = entry.at, entry.cause, entry.event
            if at < before:
                raise ValueError(f"it is at {at} us, before the event before it")  # noqa: TRY301
            if cause is not None and cause >= number:
                raise ValueError(f"its cause, event {cause}, is not before it")  # noqa: TRY301
            if entry.began is not None and not 0 <= entry.began <= at:
                raise ValueError("its statement began after it, or before the run")  # noqa: TRY301
            before = at
            applier = appliers.get(type(event))
            if applier is not None:
                applier(event)
            checker = _CHECKERS.get(type(event))
            if checker is not None:
                checker(event, number, managers)
    except ValueError as error:
        raise UnsoundError(f"event {number}: {error}") from None


# --- single events --------------------------------------------------------------------------------


class _Managers(dict[str, bool]):
    """Whether a text is a manager's UUID, decided once for each."""

    def __missing__(self, text: str) -> bool:
        try:
            sound = str(UUID(text)) == text
        except ValueError:
            sound = False
        self[text] = sound
        return sound


def _picked(event: e.JobPicked, number: int, managers: _Managers) -> None:
    if not managers[event.manager]:
        raise ValueError("its manager is not a UUID")


def _delivered(
    event: e.NotificationDelivered | e.NotificationDropped, number: int, managers: _Managers
) -> None:
    if event.sent >= number:
        raise ValueError(f"its notification, event {event.sent}, was not sent before it")


def _enqueued(event: e.JobEnqueued, number: int, managers: _Managers) -> None:
    if event.headers is not None and event.headers != "null":
        _check_object(event.headers, "its headers are")


def _logged(event: e.JobLogged | e.JobRetried, number: int, managers: _Managers) -> None:
    if event.traceback is not None:
        _check_object(event.traceback, "its traceback is")


def _check_object(text: str, what: str) -> None:
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise ValueError(f"{what} not a JSON object") from None


def _struck(event: e.FaultStruck, number: int, managers: _Managers) -> None:
    if event.fault not in _WITH_LENGTH:
        return
    try:
        timedelta(seconds=float(event.detail.partition(" ")[0]))
    except (ValueError, OverflowError):
        raise ValueError(f"its fault, {event.fault}, does not say for how long") from None


_CHECKERS: dict[type, Callable[[Any, int, _Managers], None]] = {
    e.JobPicked: _picked,
    e.JobEnqueued: _enqueued,
    e.JobLogged: _logged,
    e.JobRetried: _logged,
    e.NotificationDelivered: _delivered,
    e.NotificationDropped: _delivered,
    e.FaultStruck: _struck,
}


# --- the rest of a trace --------------------------------------------------------------------------


def _check_choices(choices: Sequence[Choice]) -> None:
    for number, choice in enumerate(choices):
        if not 0 < choice.value < choice.of:
            problem = f"it picks {choice.value} of {choice.of} options"
        elif choice.at < 0:
            problem = "it was made before the run"
        else:
            continue
        raise UnsoundError(f"choice {number}: {problem}")


def _check_outcome(outcome: Outcome) -> None:
    if outcome.passed != (outcome.failure is None):
        contradiction = "has a failure" if outcome.passed else "has no failure"
        ending = "passed" if outcome.passed else "failed"
        raise UnsoundError(f"outcome: the run {ending}, but {contradiction}")
    if outcome.simulated < 0:
        raise UnsoundError("outcome: the run took less than no time")


def _check_target(target: str) -> None:
    if "\0" in target or len(target.encode()) > _TARGET_MAX:
        raise UnsoundError("its target is not the name of a scenario")


def _check_dates(epoch_us: int, last: int) -> None:
    try:
        _UNIX_EPOCH + timedelta(microseconds=epoch_us)
        _UNIX_EPOCH + timedelta(microseconds=epoch_us + last)
    except OverflowError:
        raise UnsoundError("its time is not between the years 1 and 9999") from None
