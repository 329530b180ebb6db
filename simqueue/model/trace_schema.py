"""The JSON Schema of the trace format, as it is published."""

from __future__ import annotations

from typing import Any

import msgspec

from simqueue.model.trace import TRACE_VERSION, Trace


def schema() -> bytes:
    """Return the JSON Schema of the format, as in ``trace.schema.json`` beside this module."""
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"simqueue trace, format {TRACE_VERSION}",
        **_cleaned(msgspec.json.schema(Trace)),
    }
    return msgspec.json.format(msgspec.json.encode(described, order="sorted"), indent=2) + b"\n"


def _cleaned(node: Any) -> Any:
    """Return a schema whose descriptions are not indented, as docstrings are before Python 3.13."""
    from inspect import cleandoc  # slow to import, and no run needs it

    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: cleandoc(value) if isinstance(value, str) and key == "description" else _cleaned(value)
        for key, value in node.items()
    }
