"""A rejection: why the server rejects a statement, and which of its events remain."""

from __future__ import annotations

from simqueue.errors import PostgresError
from simqueue.model.events import StoreEvent
from simqueue.store.locks import Resource


class Rejection(Exception):  # noqa: N818  of a statement; what its client gets is an error
    """The server rejects a statement.

    Every function of the store raises it; the code that executes the statement for a client raises
    ``error`` instead, which does not depend on the store.

    ``error``   what the client gets
    ``leaves``  the events that stay although the statement failed: ids drawn from a sequence
    ``awaits``  the rows and keys of unique indexes that the statement had reached, in order; the
                last of them was taken
    """

    def __init__(
        self,
        error: PostgresError,
        leaves: tuple[StoreEvent, ...] = (),
        awaits: tuple[Resource, ...] = (),
    ) -> None:
        super().__init__(error, leaves, awaits)
        self.error, self.leaves, self.awaits = error, leaves, awaits

    def __str__(self) -> str:
        return str(self.error)


def rejected(sqlstate: str, message: str, leaves: tuple[StoreEvent, ...] = ()) -> Rejection:
    """Return the rejection whose error has this SQLSTATE and message."""
    return Rejection(PostgresError(sqlstate, message), leaves)
