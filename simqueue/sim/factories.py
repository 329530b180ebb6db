"""Factories: functions that make a whole PgQueuer, as ``pgq run`` takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simqueue.errors import UsageError
from simqueue.sim.databases import is_simulated

if TYPE_CHECKING:
    from pgqueuer import PgQueuer


def is_factory(function: Callable[..., Any]) -> bool:
    """Return whether a function has no required parameter."""
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def made_by(worker: str, made: object) -> PgQueuer:
    """Return what a worker's factory made.

    Raises:
        UsageError: it is no PgQueuer, or one that is no client of the simulated database.
    """
    from pgqueuer import PgQueuer

    if not isinstance(made, PgQueuer):
        raise UsageError(
            f"worker {worker!r}: a factory (a function without required parameters) has to return "
            f"or yield a PgQueuer, not {type(made).__name__}; a function that registers handlers "
            "takes the PgQueuer as its parameter"
        )
    if not is_simulated(made.qm.queries):
        raise UsageError(
            f"worker {worker!r}: its PgQueuer is no client of the simulated database, but works "
            f"through {type(made.connection).__name__}: connect with asyncpg.connect(), "
            "asyncpg.create_pool() or psycopg.AsyncConnection.connect() inside the factory"
        )
    return made
