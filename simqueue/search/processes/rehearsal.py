"""Rehearsal: plays a run once in a process of its own, to see whether the process survives it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress

from simqueue.search.processes.forks import (
    die_with_parent,
    may_have_children,
    signals_arrive,
    signals_wait,
)
from simqueue.search.processes.losses import ending
from simqueue.search.processes.output import Output


def rehearse(play: Callable[[], object], run_limit: float) -> str:
    """Play a run in a process of its own; return how the process was lost, empty if it was not."""
    process = multiprocessing.get_context("fork").Process(
        target=_perform, args=(play, os.getpid()), daemon=True
    )
    with signals_wait():
        process.start()
    process.join(run_limit)
    if process.is_alive():
        process.kill()
        process.join()
        return f"took longer than {run_limit:g} s"
    return ending(process.exitcode) if process.exitcode else ""


def _perform(play: Callable[[], object], parent: int) -> None:
    signals_arrive()
    die_with_parent(parent)
    may_have_children()
    # An error is raised again where the run is played for its result.
    with suppress(Exception, KeyboardInterrupt), Output() as output, output.captured():
        play()
