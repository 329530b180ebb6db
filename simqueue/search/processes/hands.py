"""A hand: one forked process that plays chunks of runs of one campaign, and its life."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkProcess
from time import perf_counter

from simqueue.search.planning.assignment import Assignment
from simqueue.search.processes.forks import (
    die_with_parent,
    may_have_children,
    signals_arrive,
    signals_wait,
)
from simqueue.search.processes.output import Output, flush
from simqueue.search.processes.player import Job, Judging, Player, answer
from simqueue.search.processes.streams import is_terminal, no_input
from simqueue.search.processes.workload import Workload


@dataclass(eq=False, slots=True)
class Hand:
    """One process, and the runs of its chunk that it has not reported."""

    load: Workload
    process: ForkProcess
    connection: Connection
    chunk: list[Assignment] = field(default_factory=list)
    began: float = 0.0

    def give(self, chunk: list[Assignment]) -> bool:
        """Send work to the process; return whether it was alive to take it."""
        self.chunk, self.began = chunk, perf_counter()
        try:
            self.connection.send(chunk)
        except OSError:
            return False
        return True

    def end(self) -> int:
        """Wait until the process has ended; return its exit status."""
        self.connection.close()
        self.process.join()
        return self.process.exitcode or 0


def fork_hand(
    load: Workload, context: ForkContext, others: list[Connection], *, capture: bool
) -> Hand:
    """Fork a process for a workload; it closes the ``others``' connections.

    Raises:
        OSError: there is no room for another process.
    """
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work,
        args=(load.job, load.accepted, load.judging, theirs, [*others, ours]),
        kwargs={
            "parent": os.getpid(),
            "first": load.first,
            "capture": capture,
            "terminal": is_terminal(sys.stdin),
        },
        daemon=True,
    )
    try:
        with signals_wait():
            process.start()
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()  # else its end of the pipe stays open when it dies
    return Hand(load, process, ours)


def _work(
    job: Job,
    accepted: frozenset[str],
    judging: Judging,
    connection: Connection,
    inherited: list[Connection],
    *,
    parent: int,
    first: Mapping[str, int],
    capture: bool,
    terminal: bool,
) -> None:
    """Play chunks of runs until the other end closes; the forked process runs only this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if callable(signal.getsignal(signal.SIGTERM)):  # and so is this, then
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signals_arrive()
    die_with_parent(parent)
    may_have_children()
    sys.stdin = no_input(terminal=terminal)  # multiprocessing has put in one that is none
    for other in inherited:
        other.close()
    with judging() as alone, suppress(EOFError, OSError):  # the parent is gone
        if alone is not None:
            alone.on_step = partial(connection.send, None)
        output = Output() if capture else None
        player = Player(job, accepted, alone, first=first, output=output)
        while True:
            for assignment in connection.recv():
                result = answer(player, assignment)
                flush()  # this process may be killed while it waits for more work
                connection.send(result)
