"""The installed PgQueuer: its names, and the semantics of its statements."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from typing import Any

from simqueue.model.ids import Table
from simqueue.store import Names, Semantics, semantics_of


def names_in_force(epoch_us: int) -> Names:
    """Return the names of PgQueuer's settings in force, for a clock that began at ``epoch_us``."""
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

    # The builder has them in every release; the function that it calls has changed its name.
    return names_of(QueryBuilderEnvironment().settings, epoch_us)


def names_of(settings: Any, epoch_us: int) -> Names:
    """Return the names that PgQueuer's ``DBSettings`` give, for a clock as above."""
    policy = settings.durability.config
    durability: dict[Table, str] = {
        "queue": policy.queue_table,
        "log": policy.queue_log_table,
        "statistics": policy.statistics_table,
        "schedules": policy.schedules_table,
    }
    return Names(
        queue_table=settings.queue_table,
        queue_table_log=settings.queue_table_log,
        statistics_table=settings.statistics_table,
        schedules_table=settings.schedules_table,
        channel=settings.channel,
        unlogged=tuple(table for table, mode in durability.items() if mode),
        epoch_us=epoch_us,
        schema=getattr(settings, "db_schema", None) or "public",
    )


@cache
def semantics_in_force() -> Semantics:
    """Return the semantics of the installed PgQueuer's statements."""
    numbers = re.findall(r"\d+", version("pgqueuer"))
    major, minor, patch = (int(number) for number in [*numbers, "0", "0"][:3])
    return semantics_of((major, minor, patch))
