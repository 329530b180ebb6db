"""Locks of statements that have not committed yet: on rows, and on keys of unique indexes.

A lock is the one thing of a statement in progress that others can see: they skip what is locked,
or wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from simqueue.model.ids import JobId

Kind = Literal[
    "job", "dedupe_key", "slot", "log", "bucket", "schedule", "schedule_name", "advisory"
]

Resource = tuple[Kind, object]
"""A resource that one statement at a time can lock: its kind and its id."""

ADVISORY: Resource = ("advisory", "aggregate_logs")
"""The lock that workers try to get before they aggregate the log."""


class Locks(dict[Resource, object]):
    """The holder of each lock; empty while statements are executed one at a time."""

    __slots__ = ()


def job_rows(jobs: Iterable[JobId]) -> list[Resource]:
    """Return the rows of jobs as resources."""
    return [("job", job) for job in jobs]
