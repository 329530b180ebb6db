"""JSON as a ``jsonb`` column gives it back: keys in its order, numbers as it writes them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from simqueue.store.rejection import rejected


def normalize_json(document: str | bytes) -> str:
    """Return the text of a document after it was stored.

    Raises:
        Rejection: it holds a number that JSON does not have (SQLSTATE 22P02).
    """
    if document in ("null", b"null", "{}", b"{}"):
        return document if isinstance(document, str) else document.decode()
    return _text(json.loads(document, parse_float=Decimal, parse_constant=_refuse))


def _refuse(constant: str) -> NoReturn:
    raise rejected("22P02", f'invalid input syntax for type json: Token "{constant}"')


def _text(value: Any) -> str:
    match value:
        case dict():
            # Shorter keys come first, and of equally long ones the smaller in bytes.
            keys = sorted(value, key=lambda key: (len(_bytes(key)), _bytes(key)))
            return f"{{{', '.join(f'{_text(key)}: {_text(value[key])}' for key in keys)}}}"
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case Decimal():
            return format(abs(value) if value == 0 else value, "f")
        case _:
            return json.dumps(value, ensure_ascii=False)


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")
