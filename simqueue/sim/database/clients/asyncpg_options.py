"""Options of ``asyncpg.connect``: which of them have an effect in a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simqueue.errors import PostgresError
from simqueue.sim.code.refusing import refusal
from simqueue.sim.database.clients.client_pool import ClientPool, PoolOptions
from simqueue.sim.database.clients.clients import AsyncpgConnection
from simqueue.sim.database.clients.opening import Opening
from simqueue.sim.database.clients.server_settings import read_settings
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.dialects import asyncpg_error, library

_OF_THE_ADDRESS = frozenset((
    "host", "port", "user", "password", "passfile", "database", "dbname", "service", "servicefile",
    "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib",
))  # fmt: skip
"""Parts of a DSN that are no settings of the session."""

_OF_THE_POOL = frozenset((
    "init_size", "min_size", "max_size", "max_queries", "max_inactive_connection_lifetime",
    "connect", "setup", "init", "reset", "loop", "record_class",
))  # fmt: skip
"""Arguments that ``asyncpg.create_pool`` does not pass on to ``asyncpg.connect``."""

_STANDBY = ("standby", "read-only", "prefer-standby")


def read_options(
    owner: str,
    *,
    dsn: str | None = None,
    command_timeout: Any = None,
    server_settings: Any = None,
    target_session_attrs: Any = None,
    connection_class: type | None = None,
    **_: Any,
) -> Opening:
    """Return how to open a session with the options that ``owner`` was called with.

    Addresses, passwords, encryption and caches of prepared statements have no effect: there is one
    database, and it accepts every client.

    Raises:
        RefusedError: an option would change something that is not simulated.
        PostgresError: the server rejects a setting.
        ValueError: asyncpg rejects an option.
    """
    asyncpg = library("asyncpg")
    if connection_class not in (None, asyncpg.Connection):
        instead = "leave it out: what a subclass does is sent as SQL, which is not simulated"
        raise refusal(f"{owner}(connection_class=...)", instead)
    from_dsn = _of_dsn(dsn)
    target = from_dsn.pop("target_session_attrs", None)
    refuse_standby(owner, target_session_attrs or target)
    settings = {**from_dsn, **_checked(server_settings)}
    meant = read_settings(f"{owner}(server_settings=...)", settings)
    return Opening(meant.limits(_timeout(command_timeout)), meant.schema)


def client_pool(
    connect: Callable[[], SimulatedConnection],
    connection: type,
    args: tuple[Any, ...],
    given: dict[str, Any],
) -> ClientPool:
    """Return the pool for the arguments of ``asyncpg.create_pool``.

    Raises:
        TypeError: ``asyncpg.connect`` has no such option.
    """
    asyncpg = library("asyncpg")
    if given.get("connect") is not None:
        instead = "leave it out: connections are opened to the simulated database"
        raise refusal("asyncpg.create_pool(connect=...)", instead)
    own = {name: value for name, value in given.items() if name not in _OF_THE_POOL}
    bound = inspect.signature(asyncpg.connect).bind(*args, **own).arguments
    init_size = given.get("init_size")
    options = PoolOptions(
        _opening(bound),
        connect_timeout=bound.get("timeout", 60),
        init_size=given["min_size"] if init_size is None else init_size,
        min_size=given["min_size"],
        max_size=given["max_size"],
        max_queries=given["max_queries"],
        lifetime=given["max_inactive_connection_lifetime"],
        floor=hasattr(asyncpg.Pool, "_maintain_min_size"),
        setup=given.get("setup"),
        init=given.get("init"),
        reset=given.get("reset"),
    )
    return ClientPool(connect, options, lambda session: AsyncpgConnection(connection, session))


def _opening(bound: dict[str, Any]) -> Opening:
    try:
        return read_options("asyncpg.create_pool", **bound)
    except PostgresError as error:
        raise asyncpg_error(error) from None


def refuse_standby(owner: str, wanted: Any) -> None:
    """Refuse to connect to a standby: there is none."""
    name = str(getattr(wanted, "value", wanted))
    if name in _STANDBY:
        instead = "leave it out: the simulated database has no standby"
        raise refusal(f"{owner}(target_session_attrs={name!r})", instead)


def _of_dsn(dsn: str | None) -> dict[str, str]:
    query = dict(parse_qsl(urlsplit(dsn or "").query))
    return {name: value for name, value in query.items() if name not in _OF_THE_ADDRESS}


def _checked(settings: Any) -> Mapping[str, str]:
    asyncpg = library("asyncpg")
    if settings is None:
        return {}
    texts = isinstance(settings, dict) and [*settings, *settings.values()]
    if texts is False or not all(isinstance(text, str) for text in texts):
        raise asyncpg.exceptions.ClientConfigurationError(
            "server_settings is expected to be None or a Dict[str, str]"
        )
    return dict(settings)


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    try:
        seconds = 0 if isinstance(value, bool) else float(value)
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise ValueError(
            f"invalid command_timeout value: expected greater than 0 float (got {value!r})"
        )
    return seconds
