"""Wording: how the invariants speak of time and of workers."""

from __future__ import annotations

from simqueue.check.view import WorkerView
from simqueue.model.ids import MICROSECONDS


def seconds(microseconds: int) -> str:
    """Return a span in seconds, ``12.5 s``."""
    return f"{round(microseconds / MICROSECONDS, 3):g} s"


def state(worker: WorkerView) -> str:
    """Return how a worker that lives is doing, ``alive, connected``."""
    told = "alive" if worker.stopping is None else "alive, told to stop"
    return f"{told}, {'connected' if worker.lost is None else 'disconnected'}"
