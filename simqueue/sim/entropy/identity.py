"""Identity: the properties of the machine and process that code can read."""

from __future__ import annotations

import _thread
import platform
import posix
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from simqueue.sim.kernel.process import CPUS
from simqueue.sim.patching.patch import Attribute, Patch, Replace, redirects
from simqueue.sim.patching.source import Control, Scope, Source

HOST = "simulated"
NODE = 0x02_00_00_00_00_01  # a locally administered address, which no network card has
PARENT = 1

_UUID_MEMORY = ("_last_timestamp", "_last_timestamp_v6", "_last_timestamp_v7", "_last_counter_v7")
_get_ident = _thread.get_ident


def _answering(scope: Scope, answer: Callable[..., Any]) -> Replace:
    """Return a function that replaces one by ``answer(original, its arguments)`` in this thread."""
    thread = scope.thread

    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        def answered(*args: Any, **kwargs: Any) -> Any:
            if _get_ident() != thread:
                return original(*args, **kwargs)
            return answer(original, *args, **kwargs)

        return answered

    return replace


def _process(scope: Scope) -> Iterator[Patch]:
    pid = scope.world.pid
    yield from redirects(
        {
            "posix.getpid": _answering(scope, lambda _: pid()),
            "_thread.get_native_id": _answering(scope, lambda _: pid()),
            "posix.getppid": _answering(scope, lambda _: PARENT),
        }
    )


def _groups(scope: Scope) -> Iterator[Patch]:
    def group(original: Callable[[int], int], pid: int = 0, /) -> int:
        own = scope.world.pid()
        return own if pid in (0, own) else original(pid)

    yield from redirects(
        {
            "posix.getpgrp": _answering(scope, lambda _: scope.world.pid()),
            "posix.getpgid": _answering(scope, group),
            "posix.getsid": _answering(scope, group),
        }
    )


def _host(scope: Scope) -> Iterator[Patch]:
    def uname(original: Callable[[], posix.uname_result]) -> posix.uname_result:
        real = original()
        return posix.uname_result((real[0], HOST, *real[2:]))

    yield from redirects(
        {
            "posix.uname": _answering(scope, uname),
            "_socket.gethostname": _answering(scope, lambda _: HOST),
        }
    )
    yield Attribute(platform, "_uname_cache", None)


def _processors(scope: Scope) -> Iterator[Patch]:
    def affinity(original: Callable[[int], set[int]], pid: int, /) -> set[int]:
        return set(range(CPUS)) if pid in (0, scope.world.pid()) else original(pid)

    yield from redirects(
        {
            "posix.cpu_count": _answering(scope, lambda _: CPUS),
            "posix.sched_getaffinity": _answering(scope, affinity),
            "posix.getloadavg": _answering(scope, lambda _: (0.0, 0.0, 0.0)),
        }
    )


def _uuids(_: Scope) -> Iterator[Patch]:
    for name in _UUID_MEMORY:
        if hasattr(uuid, name):
            yield Attribute(uuid, name, None)
    yield Attribute(uuid, "_node", NODE)
    yield Attribute(uuid, "_generate_time_safe", None)


CONTROLS = (
    Control(
        Source(
            "time-uuids",
            "uuid.uuid1, uuid6, uuid7, uuid.getnode",
            "controlled",
            "virtual wall clock, a pinned node, and a clock sequence from the global generator",
        ),
        _uuids,
    ),
    Control(
        Source(
            "process-ids",
            "os.getpid, os.getppid, threading.get_native_id",
            "controlled",
            "the simulated process's id; its parent is 1",
        ),
        _process,
    ),
    Control(
        Source(
            "process-groups",
            "os.getpgrp, os.getpgid, os.getsid",
            "controlled",
            "the simulated process leads a group and a session of its own",
        ),
        _groups,
    ),
    Control(
        Source(
            "host-name",
            "socket.gethostname, platform.node, os.uname",
            "pinned",
            f"the host is {HOST!r}",
        ),
        _host,
    ),
    Control(
        Source(
            "processors",
            "os.cpu_count, os.sched_getaffinity, os.getloadavg",
            "pinned",
            f"{CPUS} idle processors",
        ),
        _processors,
    ),
)
