"""Queries over a connection of asyncpg or psycopg: they raise the errors of that library."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from simqueue.adapter.queries import InMemoryQueries
from simqueue.sim.database.dialects import speak


class ForeignQueries(InMemoryQueries):
    """PgQueuer's queries on the simulated database, as a client of a real driver sees them."""


def _speaking(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await speak(self.driver.connection.translate, method(self, *args, **kwargs))

    return call


def _translate_all() -> None:
    for name, method in inspect.getmembers(InMemoryQueries, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            setattr(ForeignQueries, name, _speaking(method))


_translate_all()
