"""Rows of tables, as text."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

import msgspec

from simqueue.model.ids import Instant
from simqueue.report.units import moment
from simqueue.report.words import payload_words

_TEXT_SHOWN = 60


def render_table(name: str, rows: Sequence[msgspec.Struct]) -> str:
    """Return a table under its name: a column per field that any row has a value in."""
    if not rows:
        return f"{name}: no rows"
    fields = [field for field in rows[0].__struct_fields__ if _is_used(rows, field)]
    cells = [[render_cell(row, field) for field in fields] for row in rows]
    title = f"{name}: {len(rows)} row{'s' * (len(rows) > 1)}"
    return "\n".join([title, *render_columns([fields, *cells])])


def _is_used(rows: Sequence[msgspec.Struct], field: str) -> bool:
    return any(getattr(row, field) is not None for row in rows)


@functools.cache
def _instants(row: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields of a row that hold points in time, which ``int`` does not tell."""
    hints = get_type_hints(row)
    return frozenset(
        field for field, hint in hints.items() if hint is Instant or Instant in get_args(hint)
    )


def render_cell(row: msgspec.Struct, field: str) -> str:
    """Return one value of a row as text, ``-`` for none."""
    value: Any = getattr(row, field)
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return payload_words(value)
    if field in _instants(type(row)):
        return moment(value)
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 3] + "..."


def render_columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of cells, aligned; all of them have the same number."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
