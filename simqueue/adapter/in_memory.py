"""A whole PgQueuer on a database of its own."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from simqueue.adapter.driver import InMemoryDriver
from simqueue.adapter.queries import InMemoryQueries

if TYPE_CHECKING:
    from pgqueuer import PgQueuer
    from pgqueuer.domain.types import Channel


def in_memory(
    channel: Channel | None = None,
    resources: MutableMapping[str, object] | None = None,
) -> PgQueuer:
    """Return a PgQueuer that needs no PostgreSQL, on any event loop, in real time.

    Inside a simulation it is a client of the simulated database, in virtual time.

    Args:
        channel: the channel of notifications; None is that of PgQueuer's settings.
        resources: shared objects that handlers find in their context.

    Example:
        >>> pq = simqueue.in_memory()
        >>> @pq.entrypoint("send_mail")
        ... async def send_mail(job): ...
    """
    from pgqueuer import PgQueuer

    driver = InMemoryDriver()
    queries = InMemoryQueries(driver)
    own = {} if resources is None else resources
    if channel is None:
        return PgQueuer(connection=driver, queries=queries, resources=own)
    return PgQueuer(connection=driver, channel=channel, queries=queries, resources=own)
