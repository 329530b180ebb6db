"""Traces as other programs take them; equal traces give equal bytes.

``reading``   what lasted how long in a run, read once for all formats
``stays``     how long each job and each schedule had which status
``perfetto``  Chrome's trace events, which ui.perfetto.dev opens
``tracks``    those on rows of slices that do not overlap
``otlp``      OpenTelemetry's spans, which tracing backends take
``jsonl``     one event a line
"""

from __future__ import annotations

from collections.abc import Callable

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.report.export.jsonl import render_jsonl
from simqueue.report.export.otlp import render_otlp
from simqueue.report.export.perfetto import render_perfetto

FORMATS: dict[str, Callable[[Trace], bytes]] = {
    "perfetto": render_perfetto,
    "otlp": render_otlp,
    "jsonl": render_jsonl,
}


def render_export(trace: Trace, format: str) -> bytes:  # noqa: A002  as users call it
    """Return a trace in another format.

    Raises:
        UsageError: there is no format of that name.
    """
    check_format(format)
    return FORMATS[format](trace)


def check_format(format: str) -> None:  # noqa: A002
    """Raise ``UsageError`` if there is no format of that name."""
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; choose {', '.join(FORMATS)}")
