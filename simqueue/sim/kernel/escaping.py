"""Escaping: events as UTF-8 can say them, whatever names applications give."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from simqueue.model.events import Event

T = TypeVar("T", bound=Event)

_encode = msgspec.msgpack.Encoder().encode


def writable(event: T) -> T:
    """Return an event, with escapes for lone surrogates in its texts, if there are any.

    A trace is UTF-8, and a string of Python's may hold what that cannot say: a file name that is
    not UTF-8, and an entrypoint or a logger that is named after it.
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
