"""Statements from the store's functions: those that change tables, and those that read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant
from simqueue.store import Statement, Tables

P = ParamSpec("P")
T = TypeVar("T")

Decide = Callable[Concatenate[Tables, Instant, P], list[StoreEvent]]
Select = Callable[Concatenate[Tables, Instant, P], T]

Dated = tuple[int, T]
"""The Unix time, in microseconds, from which an answer's instants count, and the answer."""


def changing(name: str, decide: Decide[P], *args: P.args, **kwargs: P.kwargs) -> Statement[None]:
    """Return a statement that changes something and answers nothing."""

    def decided(tables: Tables, now: Instant) -> list[StoreEvent]:
        return decide(tables, now, *args, **kwargs)

    return Statement(name, decided, nothing)


def reading(name: str, select: Select[P, T], *args: P.args, **kwargs: P.kwargs) -> Statement[T]:
    """Return a statement that answers something and changes nothing."""

    def answered(tables: Tables, now: Instant, events: list[StoreEvent]) -> T:
        return select(tables, now, *args, **kwargs)

    return Statement(name, _unchanged, answered)


def dated(statement: Statement[T]) -> Statement[Dated[T]]:
    """Return a statement whose answer includes the Unix time from which its instants count."""
    answer = statement.answer

    def answered(tables: Tables, now: Instant, events: list[StoreEvent]) -> Dated[T]:
        return tables.names.epoch_us, answer(tables, now, events)

    return Statement(statement.name, statement.decide, answered, statement.locks)


def nothing(tables: Tables, now: Instant, events: list[StoreEvent]) -> None:
    """Answer nothing."""


def _unchanged(tables: Tables, now: Instant) -> list[StoreEvent]:
    return []
