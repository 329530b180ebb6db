"""Units: virtual time and lengths of time as text."""

from __future__ import annotations

from simqueue.model.ids import MICROSECONDS

_MILLISECOND = 1_000


def moment(at: int) -> str:
    """Return virtual time as ``+12.345678s``."""
    sign = "-" if at < 0 else "+"
    seconds, rest = divmod(abs(at), MICROSECONDS)
    return f"{sign}{seconds}.{rest:06}s"


def span(duration: int) -> str:
    """Return a length of time in its own unit, to three digits: ``12.5 ms``."""
    size = abs(duration)
    if size >= MICROSECONDS:
        return f"{duration / MICROSECONDS:.3g} s" if size < 1000 * MICROSECONDS else _long(duration)
    if size >= _MILLISECOND:
        return f"{min(duration / _MILLISECOND, 999):.3g} ms"
    return f"{duration} us"


def _long(duration: int) -> str:
    return f"{duration // MICROSECONDS} s"
