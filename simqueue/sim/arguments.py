"""Arguments of the scenario's methods: checked, and in the units of the simulation."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import timedelta
from typing import Any, get_args

from simqueue.errors import UsageError
from simqueue.model.ids import Duration
from simqueue.sim.applications.builders import check_registers
from simqueue.sim.applications.factories import is_factory
from simqueue.sim.database.pool import POOL_MIN
from simqueue.sim.restarts import RestartPolicy

LONGEST = timedelta(days=3650)
_US = timedelta(microseconds=1)
_RESERVED = ("scenario", "server", "supervisor", "world")
"""Names of processes that every run has."""


def microseconds(duration: object, verb: str) -> Duration:
    """Return the length that a method called ``verb`` was given.

    Raises:
        UsageError: it is negative, above ten years or no timedelta.
    """
    if not isinstance(duration, timedelta) or not timedelta(0) <= duration <= LONGEST:
        raise UsageError(
            f"{verb} takes a timedelta that is not negative and not above ten years, such as "
            f"timedelta(seconds=40), not {duration!r}"
        )
    return Duration(duration // _US)


def check_name(name: object) -> None:
    """Raise ``UsageError`` if a name is not printable text."""
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise UsageError(f"a name must be printable text, not {name!r}")


def checked_resources(worker: str, resources: object) -> dict[str, Any]:
    """Return a worker's resources; raise ``UsageError`` if they do not map names to objects."""
    if resources is None:
        return {}
    if not isinstance(resources, Mapping) or not all(isinstance(key, str) for key in resources):
        raise UsageError(
            f"worker {worker!r}: resources is a mapping of names to objects, not {resources!r}"
        )
    return dict(resources)


def check_worker(
    name: str, setup: object, restart: object, pool: object, taken: Container[str]
) -> None:
    """Check the arguments of ``Simulation.worker``; ``taken`` are the names of other workers.

    Raises:
        UsageError: one of them cannot be used.
    """
    check_name(name)
    if name in taken or name in _RESERVED:
        raise UsageError(f"the name {name!r} is taken; give each worker one of its own")
    if restart not in get_args(RestartPolicy):
        known = " or ".join(map(repr, get_args(RestartPolicy)))
        raise UsageError(f"worker {name!r}: restart is {known}, not {restart!r}")
    if pool is not None and (type(pool) is not int or pool < POOL_MIN):
        raise UsageError(
            f"worker {name!r}: a pool has {POOL_MIN} connections or more, one of them to listen; "
            f"not {pool!r}"
        )
    if not callable(setup):
        raise UsageError(f"worker {name!r}: setup must be callable, not {setup!r}")
    if not is_factory(setup):
        check_registers(name, setup)
    elif pool is not None:
        raise UsageError(
            f"worker {name!r}: pool is for a setup that takes a PgQueuer; this one takes no "
            "parameter and connects itself. Leave out pool and call asyncpg.create_pool() in it"
        )
