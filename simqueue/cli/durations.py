"""Durations: lengths of time as they are written on the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from simqueue.errors import UsageError

_US = {"us": 1, "ms": 1_000, "": 1_000_000, "s": 1_000_000}
_US |= {"m": 60 * _US["s"], "h": 3_600 * _US["s"], "d": 86_400 * _US["s"]}
_LONGEST = 36_525 * _US["d"]
_FORM = re.compile(rf"(\d{{1,12}}(?:\.\d{{1,12}})?)({'|'.join(_US)})", re.ASCII)


def length(text: str, option: str) -> timedelta:
    """Read ``90``, ``60s``, ``5m``, ``1.5h``, ``2d``, ``250ms`` or ``500us``; 0 is allowed.

    Raises:
        UsageError: it is something else, or no whole number of microseconds.
    """
    amount = _microseconds(text, option)
    if amount.denominator != 1:
        raise UsageError(f"{option} {text}: is no whole number of microseconds")
    return _checked(amount, text, option)


def duration(text: str, option: str = "--time") -> timedelta:
    """Read a length of real time, to the nearest microsecond.

    Raises:
        UsageError: it is 0 or something else.
    """
    amount = _microseconds(text, option)
    if not amount:
        raise _malformed(text, option)
    return _checked(amount, text, option)


def instant_us(text: str, option: str) -> int:
    """Read a point of virtual time, ``90``, ``+4.5s``, ``2m``, as microseconds from the start."""
    return round(_microseconds(text.strip().removeprefix("+"), option))


def _microseconds(text: str, option: str) -> Fraction:
    read = _FORM.fullmatch(text.strip())
    if read is None:
        raise _malformed(text, option)
    return Fraction(read[1]) * _US[read[2]]


def _checked(microseconds: Fraction, text: str, option: str) -> timedelta:
    if microseconds > _LONGEST:
        raise UsageError(f"{option} {text}: is longer than a hundred years")
    return timedelta(microseconds=round(microseconds))


def _malformed(text: str, option: str) -> UsageError:
    return UsageError(
        f"{option} {text}: write a number of seconds, or 60s, 5m, 1.5h, 2d, 250ms, 500us"
    )
