"""Opening a session for a client of asyncpg or psycopg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from simqueue.errors import mark_by_fault
from simqueue.sim.database.connection import CONNECT, SimulatedConnection
from simqueue.sim.database.dialects import Translate, speak
from simqueue.sim.database.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Opening:
    """The options of a client: limits, and the schema of its tables."""

    limits: Limits = NO_LIMITS
    schema: str | None = None


async def open_session(
    connect: Callable[[], SimulatedConnection],
    opening: Opening,
    translate: Translate,
    timeout: float | None = None,  # noqa: ASYNC109  as the libraries have it
) -> SimulatedConnection:
    """Connect; raise the error of the client's library if the server accepts no connection.

    Raises:
        TimeoutError: it took longer than ``timeout`` seconds.
    """
    return await speak(translate, _open(connect, opening, translate, timeout))


async def _open(
    connect: Callable[[], SimulatedConnection],
    opening: Opening,
    translate: Translate,
    timeout: float | None,  # noqa: ASYNC109
) -> SimulatedConnection:
    session = connect()
    session.translate, session.schema = translate, opening.schema
    try:
        async with asyncio.timeout(timeout):
            await session.ping(CONNECT)
    except BaseException as error:
        # asyncpg.connect has a timeout of its own, which cancels this.
        if isinstance(error, TimeoutError | asyncio.CancelledError) and session.troubled:
            mark_by_fault(error)
        session.close()
        raise
    session.limits, session.statements = opening.limits, 0
    return session
