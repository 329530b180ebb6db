"""Settings of a session: which of them have an effect in a run, and which change nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from simqueue.errors import PostgresError
from simqueue.sim.code.refusing import refusal
from simqueue.sim.database.limits import Limits

_HARMLESS = frozenset((
    # Names that other sessions see, and text formats, which the simulated database does not use.
    "application_name", "client_encoding", "client_min_messages", "datestyle", "extra_float_digits",
    "bytea_output", "intervalstyle",
    # PgQueuer's statements compare instants, and truncate them to seconds and minutes.
    "timezone",
    # Each transaction of PgQueuer is one statement.
    "idle_in_transaction_session_timeout",
    # Query planning and keepalives.
    "jit", "plan_cache_mode", "work_mem", "maintenance_work_mem", "temp_buffers",
    "effective_cache_size", "random_page_cost", "seq_page_cost", "max_parallel_workers_per_gather",
    "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout",
))  # fmt: skip

_DEFAULTS = {
    "synchronous_commit": ("on",),
    "default_transaction_isolation": ("read committed",),
    "default_transaction_read_only": ("off", "false", "0"),
    "idle_session_timeout": ("0",),
    "transaction_timeout": ("0",),
    "standard_conforming_strings": ("on",),
}
"""Settings that are accepted only with the value that the simulated server has."""

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_DAY_US = 24 * _UNITS["h"]
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*")

_INSTEAD = (
    "leave it out in the simulation; it heeds statement_timeout, lock_timeout and search_path, and "
    "takes those that cannot change what PgQueuer's statements do"
)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The effect of settings: limits, and the schema of unqualified tables; None is the default."""

    statement: int = 0
    lock: int = 0
    schema: str | None = None

    def limits(self, command: float | None) -> Limits:
        """Return the limits of a client that waits ``command`` seconds for a statement."""
        return Limits(round((command or 0) * 1_000_000), self.statement, self.lock)


def read_settings(owner: str, settings: Mapping[str, str]) -> SessionSettings:
    """Return the effect of settings; ``owner`` names the option that has them.

    Raises:
        RefusedError: a setting would change how the simulated server works.
        PostgresError: the server rejects a value.
    """
    meant = {name.lower(): value for name, value in settings.items()}
    meant |= {
        name.lower(): value for name, value in _command_line(meant.pop("options", "")).items()
    }
    heeded = {name: meant.pop(name, "0") for name in ("statement_timeout", "lock_timeout")}
    schema = _schema(owner, meant.pop("search_path", None))
    for name, value in meant.items():
        # A name with a dot belongs to an extension or to the user.
        harmless = name in _HARMLESS or name.startswith("enable_") or "." in name
        if not harmless and value.lower() not in _DEFAULTS.get(name, ()):
            _refuse(owner, f"{name}={value}")
    statement, lock = (_microseconds(name, value) for name, value in heeded.items())
    return SessionSettings(statement, lock, schema)


def _refuse(owner: str, what: str) -> None:
    raise refusal(f"{owner}: {what}", _INSTEAD)


def _command_line(options: str) -> dict[str, str]:
    """Return the settings of ``-c name=value --name=value``."""
    settings: dict[str, str] = {}
    words = iter(shlex.split(options))
    for word in words:
        text = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, _, value = text.partition("=")
        settings[name.replace("-", "_").lower()] = value
    return settings


def _schema(owner: str, path: str | None) -> str | None:
    """Return the first schema of a search path that tables can be in."""
    names = [name.strip().strip('"') for name in (path or "").split(",")]
    named = [name for name in names if name not in ("", "$user", "pg_catalog")]
    return named[0] if named else None


def _microseconds(name: str, value: str) -> int:
    """Return a duration of PostgreSQL in microseconds; without a unit it is in milliseconds."""
    match = _DURATION.fullmatch(value)
    if match is None:
        error = PostgresError("22023", f'invalid value for parameter "{name}": "{value}"')
        error.occasion = "connecting"
        raise error
    number, unit = match[1], match[2] or "ms"
    return round(float(number) * (_DAY_US if unit == "d" else _UNITS[unit]))
