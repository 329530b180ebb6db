"""Options of ``psycopg.AsyncConnection.connect``: which of them have an effect in a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simqueue.errors import is_by_fault, mark_by_fault
from simqueue.sim.code.refusing import refusal
from simqueue.sim.database.clients.asyncpg_options import refuse_standby
from simqueue.sim.database.clients.opening import Opening, open_session
from simqueue.sim.database.clients.server_settings import read_settings
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import psycopg_error, speak

_CONNECT = "psycopg.AsyncConnection.connect"
_OF_RESULTS = ("prepare_threshold", "context", "row_factory", "cursor_factory")
"""Options that only concern the user's own SQL, which is refused."""

_TIMEOUT, _TIMEOUT_MIN = 130, 2


async def open_psycopg(
    cls: type,
    owner: type,
    connect: Callable[[], SimulatedConnection],
    conninfo: str,
    given: dict[str, Any],
) -> SimulatedConnection:
    """Open a session for ``cls``, which has to be ``owner``, psycopg's own class.

    Raises:
        RefusedError: an option would change something that is not simulated.
        psycopg.Error: psycopg rejects an option, or the server accepts no connection.
    """
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.errors import ConnectionTimeout

    if cls is not owner:
        instead = "use it as it is: what a subclass does is sent as SQL, which is not simulated"
        raise refusal(f"psycopg: a subclass of {owner.__name__}", instead)
    options = {name: value for name, value in given.items() if name not in _OF_RESULTS}
    parameters = conninfo_to_dict(conninfo, **options)
    refuse_standby(_CONNECT, parameters.get("target_session_attrs"))
    opening = await speak(psycopg_error, _opening(str(parameters.get("options") or "")))
    try:
        timeout = _timeout(parameters.get("connect_timeout"))
        return await open_session(connect, opening, psycopg_error, timeout)
    except TimeoutError as error:
        expired = ConnectionTimeout("connection timeout expired")
        if is_by_fault(error):
            mark_by_fault(expired)
    raise expired


async def _opening(options: str) -> Opening:
    meant = read_settings(f"{_CONNECT}(options=...)", {"options": options})
    return Opening(meant.limits(None), meant.schema)


def _timeout(value: Any) -> int:
    """Return seconds as libpq counts them: whole seconds, at least 2."""
    from psycopg import ProgrammingError

    try:
        seconds = int(float(_TIMEOUT if value is None else value))
    except ValueError:
        raise ProgrammingError(f"bad value for connect_timeout: {value!r}") from None
    return max(seconds, _TIMEOUT_MIN) if seconds > 0 else _TIMEOUT
