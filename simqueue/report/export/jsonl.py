"""JSON lines: one event a line, in the order of the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.export.reading import Reading
from simqueue.report.lines import Numbered
from simqueue.report.selection import kind_of_event
from simqueue.report.sentence import sentence


def render_jsonl(trace: Trace, entries: Iterable[Numbered] | None = None) -> bytes:
    """Return a line for each event, or for each of these entries.

    ``at`` is virtual time in microseconds, ``time`` the same instant on the run's clocks.
    ``fields`` are all fields of the event, with bytes as base64; ``words`` is its sentence.
    """
    reading = Reading(trace)
    encode = msgspec.json.Encoder().encode
    chosen = enumerate(trace.events) if entries is None else entries
    lines = [encode(_line(reading, number)) for number, _ in chosen]
    return b"".join(line + b"\n" for line in lines)


def _line(reading: Reading, number: int) -> dict[str, Any]:
    entry: Entry = reading.trace.events[number]
    return {
        "number": number,
        "at": entry.at,
        "time": reading.date(entry.at).isoformat(timespec="microseconds"),
        "worker": entry.worker,
        "cause": entry.cause,
        "began": entry.began,
        "type": kind_of_event(entry.event),
        "fields": msgspec.structs.asdict(entry.event),
        "words": sentence(reading.course, entry),
    }
