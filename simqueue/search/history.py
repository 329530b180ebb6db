"""History: the tables as they stood after an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from simqueue.adapter.database import names_in_force
from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.report.lines import render_line
from simqueue.report.tables import render_table
from simqueue.sim.world import epoch_us
from simqueue.store import fold


def render_tables_at(trace: Trace, at: int) -> str:
    """Return the four tables after event number ``at``, as text.

    Raises:
        UsageError: the trace has no such event.
    """
    if not 0 <= at < len(trace.events):
        last = len(trace.events) - 1
        raise UsageError(f"there is no event {at}; the trace has events 0 to {last}")
    tables = fold(names_in_force(epoch_us(trace.config)), trace.events[: at + 1])
    parts = [
        f"After event {render_line(at, trace.events[at]).strip()}",
        render_table("jobs", _listed(tables.jobs.rows)),
        render_table("schedules", _listed(tables.schedules.rows)),
        render_table("log", _listed(tables.log.rows)),
        render_table("statistics", _listed(tables.statistics.rows)),
    ]
    return "\n\n".join(parts) + "\n"


Rows = Mapping[int, msgspec.Struct] | Iterable[msgspec.Struct]


def _listed(rows: Rows) -> list[msgspec.Struct]:
    return list(rows.values() if isinstance(rows, Mapping) else rows)
