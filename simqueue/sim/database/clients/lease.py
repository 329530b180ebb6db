"""Leases: what holds a pool's connection until it gives it back."""

from __future__ import annotations

from typing import TypeVar

from simqueue.adapter.connection import Hear
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import client_error
from simqueue.store import Statement

T = TypeVar("T")


class Lease:
    """A session that its holder may use until it is ``released``, as asyncpg's proxy is."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self._connection, self.released = connection, False
        self.translate, self.schema = connection.translate, connection.schema

    @property
    def on_notify(self) -> Hear:
        """What is called with each notification."""
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
        """Give the connection up, and return it."""
        self.released = True
        return self._connection

    async def reset(self) -> None:
        """Give up what the session holds."""
        await self.held("reset").reset()

    async def run(self, statement: Statement[T]) -> T:
        """Have a statement executed and return its answer."""
        return await self.held("fetch").run(statement)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel``."""
        await self.held("add_listener").listen(channel)

    async def unlisten(self, channel: str) -> None:
        """Ask for no more of them."""
        await self.held("remove_listener").unlisten(channel)
