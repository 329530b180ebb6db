"""Arguments: converts the values that a driver accepts to those that the server would store.

A driver accepts what it can encode; anything else raises ``TypeError``, or the server's error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import Any

from pydantic_core import to_json

from simqueue.adapter.installed import semantics_in_force
from simqueue.errors import PostgresError
from simqueue.model.ids import JobId, ScheduleId
from simqueue.store import Rejection, normalize_json


def text(value: str) -> str:
    """Return the plain string; a string enum becomes its value."""
    return str.__str__(value)


def binary(value: bytes | None) -> bytes | None:
    """Return plain bytes, or None."""
    return value if value is None or type(value) is bytes else memoryview(value).tobytes()


def document(value: Mapping[str, object] | None) -> str:
    """Return JSON text as the server gives it back."""
    return "null" if value is None else _stored(to_json(value, inf_nan_mode="constants"))


def record(value: Any) -> str | None:
    """Return a traceback record as JSON text, or None."""
    return None if value is None else _stored(value.model_dump_json())


def _stored(document: str | bytes) -> str:
    try:
        return normalize_json(document)
    except Rejection as rejection:
        raise rejection.error from None


def check_integer(value: int, bits: int) -> int:
    """Return an ``integer`` (31 bits) or ``bigint`` (63).

    Raises:
        PostgresError: it is out of range (SQLSTATE 22000: the driver cannot encode it).
    """
    if not -(1 << bits) <= value < 1 << bits:
        size = f"value out of int{bits + 1} range"
        raise PostgresError("22000", f"invalid input for query argument: {value!r} ({size})")
    return value


def int32(value: int) -> int:
    """Return the plain integer."""
    return check_integer(int(index(value)), 31)


def int64(value: int) -> int:
    """Return the plain integer."""
    return check_integer(int(index(value)), 63)


def job_id(job: int) -> JobId:
    """Return the plain id of a job."""
    return JobId(check_integer(int(job), semantics_in_force().id_bits))


def job_ids(ids: Iterable[Any]) -> list[JobId]:
    """Return plain ids of jobs."""
    return [job_id(job) for job in ids]


def logged_ids(ids: Iterable[Any]) -> list[JobId]:
    """Return plain ids of jobs for the log, whose column is ``bigint`` in every release."""
    return [JobId(int64(job)) for job in ids]


def schedule_ids(ids: Iterable[Any]) -> list[ScheduleId]:
    """Return plain ids of schedules, ascending."""
    bits = semantics_in_force().id_bits
    return sorted(ScheduleId(check_integer(int(schedule), bits)) for schedule in ids)


def names(entrypoints: str | Iterable[str] | None) -> list[str] | None:
    """Return entrypoints as a list; None, which means all, if there are none."""
    if not entrypoints:
        return None
    if isinstance(entrypoints, str):
        return [text(entrypoints)]
    return [text(name) for name in entrypoints]
