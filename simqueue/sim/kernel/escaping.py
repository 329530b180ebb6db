"""Escaping: events without text that UTF-8 cannot encode."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from simqueue.model.events import Event

T = TypeVar("T", bound=Event)

_encode = msgspec.msgpack.Encoder().encode


def writable(event: T) -> T:
    """Return the event with each lone surrogate in its texts written as an escape.

    A trace is UTF-8, and a Python string may hold what UTF-8 cannot encode: a file name that is not
    UTF-8, or an entrypoint or logger named after such a file.
    """
    try:
        _encode(event)  # whether it holds any takes 0.2 us so
    except UnicodeEncodeError:
        values = {field: _escaped(getattr(event, field)) for field in event.__struct_fields__}
        return msgspec.structs.replace(event, **values)
    return event


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, tuple):
        return tuple(map(_escaped, value))
    return value
