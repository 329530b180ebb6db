"""Rejections: arguments that the server refuses before it looks at a row."""

from __future__ import annotations

import re
from collections.abc import Iterable

from simqueue.model.events import IdsBurned
from simqueue.model.ids import STATUS_ORDER, Instant
from simqueue.store.names import Names
from simqueue.store.rejection import Rejection, rejected

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_PAYLOAD_BYTES = 8_000
_NAME_BYTES = 64

_FIRST_US = -210_866_803_200_000_000
"""Unix time of the first possible timestamp, in the year 4714 BC."""
_END_US = 9_224_318_016_000_000_000
"""Unix time right after the last possible timestamp, in the year 294276."""


def check_text(texts: Iterable[str | None]) -> None:
    """Refuse text with a NUL character (SQLSTATE 22021), or that UTF-8 cannot encode (22000)."""
    for text in texts:
        if text is None:
            continue
        if not text.isascii():
            _check_unicode(text)
        if "\0" in text:
            raise rejected("22021", 'invalid byte sequence for encoding "UTF8": 0x00')


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise rejected("22000", f"invalid input for query argument: {error}") from None


def check_status(status: str) -> None:
    """Refuse a status that the enum does not have (SQLSTATE 22P02)."""
    if status not in STATUS_ORDER:
        message = f'invalid input value for enum pgqueuer_status: "{status}"'
        raise rejected("22P02", message)


def check_json(documents: Iterable[str | None]) -> None:
    """Refuse an escaped NUL character in JSON text (SQLSTATE 22P05)."""
    for document in documents:
        # The plain search is faster.
        if document is not None and "\\u0000" in document and _ESCAPED_NUL.search(document):
            raise rejected("22P05", "unsupported Unicode escape sequence")


def check_instant(names: Names, instant: int) -> Instant:
    """Return an instant that a timestamp can hold; refuse another (SQLSTATE 22008)."""
    if not is_timestamp(names, instant):
        raise out_of_range()
    return Instant(instant)


def is_timestamp(names: Names, instant: int) -> bool:
    """Return whether a timestamp can hold an instant."""
    return _FIRST_US <= names.epoch_us + instant < _END_US


def out_of_range(leaves: tuple[IdsBurned, ...] = ()) -> Rejection:
    """Return the rejection of an instant that is no timestamp; the events ``leaves`` are kept."""
    return rejected("22008", "timestamp out of range", leaves)


def check_page(limit: int | None, offset: int = 0) -> None:
    """Refuse a negative offset (SQLSTATE 2201X) or limit (2201W)."""
    if offset < 0:
        raise rejected("2201X", "OFFSET must not be negative")
    if limit is not None and limit < 0:
        raise rejected("2201W", "LIMIT must not be negative")


def check_notification(channel: str, payload: str) -> None:
    """Refuse a channel or a payload that is too long, or no channel at all (SQLSTATE 22023)."""
    check_text((payload,))
    _check_channel(channel)
    if len(payload.encode()) >= _PAYLOAD_BYTES:
        raise rejected("22023", "payload string too long")


def _check_channel(channel: str) -> None:
    check_text((channel,))
    if not channel:
        raise rejected("22023", "channel name cannot be empty")
    if len(channel.encode()) >= _NAME_BYTES:
        raise rejected("22023", "channel name too long")


def identifier(name: str) -> str:
    """Return a quoted name, cut to 63 bytes as the server does; refuse an empty one (42601)."""
    check_text((name,))
    if not name:
        raise rejected("42601", "zero-length delimited identifier")
    return name.encode()[: _NAME_BYTES - 1].decode(errors="ignore")
