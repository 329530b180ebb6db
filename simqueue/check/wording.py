"""Wording: phrases that messages of invariants share."""

from __future__ import annotations

from collections.abc import Sequence

from simqueue.check.view import WorkerView
from simqueue.model.ids import MICROSECONDS, JobId

JOBS_NAMED = 10


def numbers(jobs: Sequence[JobId]) -> str:
    """Return ids one by one, the first of many: ``1, 2, 3 and 4 more``."""
    named = ", ".join(map(str, jobs[:JOBS_NAMED]))
    left = len(jobs) - JOBS_NAMED
    return f"{named} and {left} more" if left > 0 else named


def seconds(microseconds: int) -> str:
    """Return a span in seconds, ``12.5 s``."""
    return f"{round(microseconds / MICROSECONDS, 3):g} s"


def state(worker: WorkerView) -> str:
    """Return the state of a live worker: ``alive, connected``."""
    life = "alive" if worker.stopping is None else "alive, told to stop"
    return f"{life}, {'connected' if worker.lost is None else 'disconnected'}"
