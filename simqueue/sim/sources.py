"""The table of entropy: every known source, and how a run treats it.

The rows of sources that patches control come from the patches themselves; the others are controlled
by the loop or the command line, or not at all.
"""

from __future__ import annotations

from simqueue.sim.database.clients import databases
from simqueue.sim.entropy import (
    anyio_backend,
    clocks,
    extensions,
    garbage,
    hashing,
    identity,
    own_tasks,
    primitives,
    randomness,
    recursion,
    refusals,
    waits,
)
from simqueue.sim.patching.source import Control, Source

CONTROLS: tuple[Control, ...] = (
    *clocks.CONTROLS,
    *waits.CONTROLS,
    *garbage.CONTROLS,
    *randomness.CONTROLS,
    *identity.CONTROLS,
    *hashing.CONTROLS,
    *own_tasks.CONTROLS,
    *primitives.CONTROLS,
    *extensions.CONTROLS,
    *anyio_backend.CONTROLS,
    *databases.CONTROLS,
    *recursion.CONTROLS,
    *refusals.CONTROLS,
)
"""In the order in which patches are installed."""

ELSEWHERE: tuple[Source, ...] = (
    Source(
        "loop-time",
        "loop.time, call_later, call_at, asyncio.sleep and timeouts",
        "controlled",
        "by the simulated loop, in virtual time",
    ),
    Source(
        "event-order",
        "which callback, statement, reply or notification comes first",
        "controlled",
        "choices, recorded in the trace",
    ),
    Source(
        "asyncio-threads",
        "asyncio.to_thread, loop.run_in_executor",
        "controlled",
        "the function runs at a chosen step, on the loop's thread, to its end",
    ),
    Source(
        "async-generators",
        "async generators that are dropped unfinished",
        "controlled",
        "closed by a task of the simulated process that dropped them",
    ),
    Source("task-names", "names of tasks", "controlled", "numbered in the run, not in the process"),
    Source(
        "loop-io",
        "loop.create_connection, add_reader, subprocess_exec, add_signal_handler, ...",
        "refused",
        "use what is named for sockets, processes and signals",
    ),
    Source(
        "string-hash",
        "hash of str, bytes and datetime: order of sets of them, of paths and of enum members",
        "pinned",
        "the command line starts itself again with PYTHONHASHSEED set; for pytest set it yourself",
    ),
    Source(
        "builtin-hash",
        "hash of None before Python 3.12 and of built-in functions and classes: order of sets of "
        "them, of tuples and of frozen dataclasses that hold them",
        "pinned",
        "on Linux, where it is permitted, the command line starts itself again with fixed "
        "addresses; for pytest use setarch -R",
    ),
    Source(
        "printed-addresses",
        "id() and threading.get_ident() in log lines and errors",
        "controlled",
        "masked as hexadecimal and decimal numbers: a multiple of 16 from 2**40 on at which the "
        "process has memory",
    ),
)
"""Sources that are controlled, but not by a patch."""

UNCOVERED: tuple[Source, ...] = (
    Source(
        "default-hash",
        "id() and default hash: order of sets of ordinary objects, functions and bound methods",
        "not covered",
        "sort, use a dict, or give the class a __hash__; simqueue audit names the set",
    ),
    Source(
        "memory-values",
        "threading.get_ident as a value, sys.getrefcount, memory sizes",
        "not covered",
        "do not let them decide anything",
    ),
    Source(
        "module-state",
        "what modules keep between runs: caches, counters, class attributes",
        "not covered",
        "make it in the scenario; a failure that this alone explains is reported as `passes alone`",
    ),
    Source(
        "files",
        "files: content, times, order of a directory; environment variables, locale",
        "not covered",
        "the real ones are read; write into a fresh directory, sort what is listed",
    ),
    Source(
        "reentrant-locks",
        "threading.RLock.acquire: exclusion between a thread and its own process",
        "not covered",
        "all of a run is one thread, which an RLock that it holds lets in again; use a Lock",
    ),
    Source(
        "kept-sockets",
        "_socket.socket itself, a socket's bound method or select.epoll kept from before the run",
        "not covered",
        "reach past what is refused; look them up where they are used",
    ),
    Source(
        "blocking-c-calls",
        "os.read and os.write on pipes, file locks, other C code that blocks",
        "not covered",
        "real; on Linux, in the main thread, ended after Config.step_limit unless it never returns "
        "to Python; use what asyncio offers",
    ),
    Source(
        "c-extensions",
        "C extensions with clocks, randomness, threads or sockets of their own, such as uuid_utils",
        "not covered",
        "put a fake in their place, for uuid_utils the standard uuid; simqueue audit shows whether "
        "they matter",
    ),
)
"""Sources that a run does not control."""

SOURCES: tuple[Source, ...] = (
    *(control.source for control in CONTROLS),
    *ELSEWHERE,
    *UNCOVERED,
)
"""Every row, in the order of the table."""
