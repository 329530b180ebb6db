"""Factories: functions that make a worker's application, as ``pgq run`` takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from simqueue.errors import UsageError
from simqueue.sim.applications.managers import MANAGERS, Manager, queries_of
from simqueue.sim.database.clients.databases import is_simulated
from simqueue.sim.kernel.process import Process

Setup = Callable[..., Any]
"""The user's code: a function, async or not, or an async context manager.

It registers handlers with the ``PgQueuer`` that is its argument; or it is a factory as ``pgq run``
takes one, which makes its own ``PgQueuer``, ``QueueManager`` or ``SchedulerManager``.
"""


def is_factory(function: Callable[..., Any]) -> bool:
    """Return whether a function has no required parameter."""
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


async def made_by(worker: str, factory: Setup, stack: AsyncExitStack, process: Process) -> Manager:
    """Return the result of a worker's factory; if it is a context manager, ``stack`` exits it.

    Raises:
        UsageError: it is no PgQueuer or manager, or no client of the simulated database.
        RefusedError: the factory runs it itself.
    """
    process.making = getattr(factory, "__name__", type(factory).__name__)
    try:
        made = await entered(stack, factory())
    finally:
        process.making = ""
    if not isinstance(made, MANAGERS):
        raise UsageError(
            f"worker {worker!r}: a factory (a function without required parameters) has to return "
            "or yield a PgQueuer, a QueueManager or a SchedulerManager, not "
            f"{type(made).__name__}; a function that registers handlers takes the PgQueuer as its "
            "parameter"
        )
    queries = queries_of(made)
    if not is_simulated(queries):
        raise UsageError(
            f"worker {worker!r}: its {type(made).__name__} is no client of the simulated database, "
            f"but works through {type(getattr(queries, 'driver', queries)).__name__}: connect with "
            "asyncpg.connect(), asyncpg.create_pool() or psycopg.AsyncConnection.connect() inside "
            "the factory, and give a manager Queries(driver)"
        )
    return made


async def entered(stack: AsyncExitStack, made: Any) -> Any:
    """Await the result of the user's code, and enter it if it is a context manager."""
    if inspect.isawaitable(made):
        made = await made
    if hasattr(made, "__aenter__"):
        made = await stack.enter_async_context(made)
    return made


def check_registered(worker: str, setup: Setup, given: Manager, made: object) -> None:
    """Raise ``UsageError`` if a function that got a PgQueuer to register with made another."""
    if isinstance(made, MANAGERS) and made is not given:
        name = getattr(setup, "__name__", repr(setup))
        raise UsageError(
            f"worker {worker!r}: {name} got a PgQueuer to register handlers with, but made a "
            f"{type(made).__name__} of its own: write a factory without parameters that connects, "
            f"calls {name}(...) and returns what it makes"
        )
