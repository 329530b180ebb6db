"""Traces in the formats of other programs; equal traces give equal bytes.

``formats``       the table of formats
``reading``       what lasted how long in a run, read once for all formats
``status_spans``  how long each job and each schedule had which status
``perfetto``      Chrome's trace events, which ui.perfetto.dev opens
``tracks``        those on rows of slices that do not overlap
``otlp``          OpenTelemetry's spans, which tracing backends read
``jsonl``         one event a line
"""

from __future__ import annotations

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.report.export.formats import FORMATS, Format, listed

__all__ = ["FORMATS", "Format", "check_format", "listed", "render_export"]


def render_export(trace: Trace, format: str) -> bytes:  # noqa: A002  as users call it
    """Return a trace in another format.

    Raises:
        UsageError: there is no format of that name.
    """
    check_format(format)
    return FORMATS[format].renderer()(trace)


def check_format(format: str) -> None:  # noqa: A002
    """Raise ``UsageError`` if there is no format of that name."""
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; choose {', '.join(FORMATS)}")
