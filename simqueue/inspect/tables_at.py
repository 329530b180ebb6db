"""History: the tables as they stood after an event."""

from __future__ import annotations

from simqueue.adapter.installed import names_in_force
from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.report.lines import render_line
from simqueue.report.tables import render_table
from simqueue.store import fold


def render_tables_at(trace: Trace, at: int) -> str:
    """Return the four tables after event number ``at``, as text.

    Raises:
        UsageError: the trace has no such event.
    """
    if not 0 <= at < len(trace.events):
        held = f"events 0 to {len(trace.events) - 1}" if trace.events else "no events"
        raise UsageError(f"there is no event {at}; the trace has {held}")
    tables = fold(names_in_force(trace.config.epoch_us), trace.events[: at + 1])
    parts = [
        f"After event {render_line(at, trace.events[at]).strip()}",
        render_table("jobs", list(tables.jobs.rows.values())),
        render_table("schedules", list(tables.schedules.rows.values())),
        render_table("log", list(tables.log.rows.values())),
        render_table("statistics", list(tables.statistics.rows.values())),
    ]
    return "\n\n".join(parts) + "\n"
