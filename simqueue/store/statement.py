"""A statement: the server's decision and its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant
from simqueue.store.locks import Resource
from simqueue.store.tables import Tables

T = TypeVar("T")


class Statement(msgspec.Struct, Generic[T], frozen=True):
    """One autocommit statement, as a client sends it.

    ``decide`` reads tables at one instant and returns the events to apply, or raises ``Rejection``,
    whose ``leaves`` are applied nevertheless (a sequence does not roll back). ``answer`` reads the
    tables right after the events were applied and returns the client's result; it may raise
    ``Rejection`` if there are no events. ``locks`` returns the free rows that ``decide`` locks
    besides those that its events change.
    """

    name: str
    decide: Callable[[Tables, Instant], list[StoreEvent]]
    answer: Callable[[Tables, Instant, list[StoreEvent]], T]
    locks: Callable[[Tables, Instant], list[Resource]] | None = None
