"""The four tables as they stood after an event, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from simqueue.model.events import Entry
from simqueue.report.lines import render_line
from simqueue.report.tables import render_table


def render_tables_at(
    number: int, entry: Entry, rows: Mapping[str, Sequence[msgspec.Struct]]
) -> str:
    """Return the event, and ``rows`` of each table by the table's name."""
    parts = [f"After event {render_line(number, entry).strip()}"]
    parts += [render_table(name, held) for name, held in rows.items()]
    return "\n\n".join(parts) + "\n"
