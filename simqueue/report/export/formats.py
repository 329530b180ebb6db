"""The formats of exports, one row each: to add one, write a module and add a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from simqueue.model.trace import Trace

Renderer = Callable[[Trace], bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, the end of its files' names, what reads it, and ``module:function``."""

    name: str
    extension: str
    words: str
    function: str

    def renderer(self) -> Renderer:
        """Import the function that renders a trace."""
        module, _, name = self.function.partition(":")
        renderer: Renderer = getattr(import_module(module), name)
        return renderer


_ROWS = (
    Format(
        "perfetto",
        ".perfetto.json",
        "for ui.perfetto.dev and chrome://tracing",
        "simqueue.report.export.perfetto:render_perfetto",
    ),
    Format(
        "otlp",
        ".otlp.json",
        "OpenTelemetry's spans as JSON, for tracing backends",
        "simqueue.report.export.otlp:render_otlp",
    ),
    Format(
        "jsonl",
        ".jsonl",
        "one event a line, for jq and other filters",
        "simqueue.report.export.jsonl:render_jsonl",
    ),
)

FORMATS: dict[str, Format] = {each.name: each for each in _ROWS}
"""All formats by name, in the order of help."""


def listed() -> str:
    """Return the formats for help, each with what reads it."""
    return "; ".join(f"{each.name}: {each.words} (*{each.extension})" for each in _ROWS)
