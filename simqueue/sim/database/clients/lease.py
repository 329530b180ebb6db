"""Leases: the connection of a pool, from the moment it is taken until it is given back."""

from __future__ import annotations

from typing import TypeVar

from simqueue.adapter.connection import Hear
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import client_error
from simqueue.store import Statement

T = TypeVar("T")


class Lease:
    """A session that can be used until it is ``released``, as asyncpg's proxy."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self._connection, self.released = connection, False
        self.translate, self.schema = connection.translate, connection.schema

    @property
    def on_notify(self) -> Hear:
        """Called with each notification."""
        return self._connection.on_notify

    @on_notify.setter
    def on_notify(self, hear: Hear) -> None:
        self._connection.on_notify = hear

    def held(self, method: str) -> SimulatedConnection:
        """Return the connection, for a call of ``method``.

        Raises:
            PostgresError: it was given back.
        """
        if self.released:
            raise client_error(
                f"cannot call Connection.{method}(): connection has been released back to the pool"
            )
        return self._connection

    def end(self) -> SimulatedConnection:
        """End the lease; return the connection."""
        self.released = True
        return self._connection

    async def reset(self) -> None:
        """Reset the session."""
        await self.held("reset").reset()

    async def run(self, statement: Statement[T]) -> T:
        """Have a statement executed and return its answer."""
        return await self.held("fetch").run(statement)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel``."""
        await self.held("add_listener").listen(channel)

    async def unlisten(self, channel: str) -> None:
        """Stop the notifications of ``channel``."""
        await self.held("remove_listener").unlisten(channel)
