"""A statement: what the server decides, and what it answers."""

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

    ``decide`` reads tables at one instant and returns the events to apply, or raises
    ``Rejection``, whose ``leaves`` are applied nevertheless (a sequence does not roll back).
    ``answer`` reads the tables right after they were applied, and is what the client gets; it may
    raise ``Rejection`` if there are no events.
    ``locks`` says which free rows ``decide`` locks beyond those that its events change.
    """

    name: str
    decide: Callable[[Tables, Instant], list[StoreEvent]]
    answer: Callable[[Tables, Instant, list[StoreEvent]], T]
    locks: Callable[[Tables, Instant], list[Resource]] | None = None
