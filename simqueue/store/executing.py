"""Executing a statement at one instant: decide, apply, answer."""

from __future__ import annotations

from typing import TypeVar

from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant
from simqueue.store.applying import apply
from simqueue.store.rejection import Rejection
from simqueue.store.statement import Statement
from simqueue.store.tables import Tables

T = TypeVar("T")


def execute(tables: Tables, now: Instant, statement: Statement[T]) -> tuple[list[StoreEvent], T]:
    """Execute a statement; return the events it decided and what it answers.

    Raises:
        Rejection: the server rejects it. What it ``leaves`` has been applied.
    """
    try:
        events = statement.decide(tables, now)
    except Rejection as rejection:
        for event in rejection.leaves:
            apply(tables, now, event)
        raise
    for event in events:
        apply(tables, now, event)
    return events, statement.answer(tables, now, events)
