"""Databases: PgQueuer's own in-memory one, made in a run, is the simulated one."""

from __future__ import annotations

import _thread
from collections.abc import Iterator
from typing import Any

from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.source import SIMULATING, Control, Scope, Source


def _in_memory(scope: Scope) -> Iterator[Patch]:
    from pgqueuer import PgQueuer

    from simqueue.adapter.in_memory import in_memory

    thread, original = scope.thread, PgQueuer.in_memory.__func__  # type: ignore[attr-defined]

    def simulated(cls: type[PgQueuer], channel: Any = None, resources: Any = None) -> PgQueuer:
        if _thread.get_ident() != thread or thread not in SIMULATING:
            made: PgQueuer = original(cls, channel, resources)
            return made
        pq = in_memory(channel, resources)
        if cls is PgQueuer:
            return pq
        return cls(
            connection=pq.connection,
            channel=pq.channel,
            queries=pq.queries,
            resources={} if resources is None else resources,
        )

    yield Attribute(PgQueuer, "in_memory", classmethod(simulated))


CONTROLS = (
    Control(
        Source(
            "PgQueuer.in_memory()",
            "controlled",
            "a client of the simulated database, whose statements take virtual time",
        ),
        _in_memory,
    ),
)
