"""Refusals: sources of entropy that a run cannot repeat, and what to use instead."""

from __future__ import annotations

import asyncio
import asyncio.events
import functools
import select
import selectors
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simqueue.sim.code.advice import PROCESSES, SOCKETS, THREADS
from simqueue.sim.code.refusing import refusing
from simqueue.sim.patching.patch import Attribute, Patch, redirects
from simqueue.sim.patching.source import Control, Scope, Source

_PUBLIC = {"posix": "os", "_signal": "signal", "_socket": "socket", "builtins": ""}

_CONNECTION_METHODS = (
    "__init__", "accept", "bind", "connect", "connect_ex", "listen", "recv", "recv_into",
    "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "send", "sendall", "sendfile",
    "sendmsg", "sendmsg_afalg", "sendto", "shutdown",
)  # fmt: skip
_TLS_METHODS = (
    "accept", "connect", "connect_ex", "do_handshake", "read", "recv", "recv_into", "recvfrom",
    "recvfrom_into", "send", "sendall", "sendfile", "sendto", "shutdown", "unwrap", "write",
)  # fmt: skip


def _public(name: str) -> str:
    module, _, function = name.rpartition(".")
    return f"{_PUBLIC.get(module, module)}.{function}".lstrip(".")


def _builtins(names: tuple[str, ...], instead: str) -> Callable[[Scope], Iterable[Patch]]:
    # Cached: they depend only on the thread, and making them takes a tenth of a run's preparation.
    @functools.lru_cache(maxsize=1)
    def kept(thread: int) -> tuple[Patch, ...]:
        return tuple(redirects({name: refusing(thread, _public(name), instead) for name in names}))

    return lambda scope: kept(scope.thread)


def _refusal(key: str, source: str, instead: str, *names: str) -> Control:
    return Control(Source(key, source, "refused", instead), _builtins(names, instead))


_SOCKET_FUNCTIONS = _builtins(("_socket.socketpair", "_socket.sethostname"), SOCKETS)


def _sockets(scope: Scope) -> Iterator[Patch]:
    yield from _methods(scope, socket.socket, _CONNECTION_METHODS)
    # Not imported for this: without ssl there is no such socket.
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        yield from _methods(scope, ssl.SSLSocket, _TLS_METHODS)
    yield from _SOCKET_FUNCTIONS(scope)


def _methods(scope: Scope, owner: type, names: tuple[str, ...]) -> tuple[Patch, ...]:
    methods = tuple((name, getattr(owner, name)) for name in names if hasattr(owner, name))
    return _refused_methods(scope.thread, owner, methods)


@functools.lru_cache(maxsize=4)
def _refused_methods(
    thread: int, owner: type, methods: tuple[tuple[str, Callable[..., Any]], ...]
) -> tuple[Patch, ...]:
    return tuple(
        Attribute(owner, name, refusing(thread, _method(owner, name), SOCKETS)(original))
        for name, original in methods
    )


def _method(owner: type, name: str) -> str:
    return "socket.socket" if name == "__init__" else f"{owner.__name__}.{name}"


_POLLING = "nothing outside the simulation can become ready; await an asyncio primitive or sleep"


_POLLING_FUNCTIONS = _builtins(("select.select", "select.poll"), _POLLING)


def _polling(scope: Scope) -> Iterator[Patch]:
    yield from _POLLING_FUNCTIONS(scope)
    for name in ("epoll", "devpoll", "kqueue"):
        original = getattr(select, name, None)
        if original is not None:
            refuse = refusing(scope.thread, f"select.{name}", _POLLING)
            yield Attribute(select, name, refuse(original))
    for name in ("EpollSelector", "_PollLikeSelector", "KqueueSelector"):
        owner = getattr(selectors, name, None)
        if owner is not None:
            refuse = refusing(scope.thread, "selector.select", _POLLING)
            yield Attribute(owner, "select", refuse(owner.select))


_ONE_LOOP = (
    "await in the loop that runs, and return to it from a function in a thread; another simulated "
    "process is sim.worker()"
)


def _second_loop(scope: Scope) -> Iterator[Patch]:
    replace = refusing(scope.thread, "asyncio.new_event_loop", _ONE_LOOP)
    refuse: Any = replace(asyncio.new_event_loop)
    yield Attribute(asyncio, "new_event_loop", refuse)
    yield Attribute(asyncio.events, "new_event_loop", refuse)


CONTROLS = (
    _refusal(
        "threads",
        "threads: threading.Thread, Timer, concurrent.futures executors",
        THREADS,
        "_thread.start_new_thread", "_thread.start_new", "_thread.start_joinable_thread",
    ),
    _refusal(
        "processes",
        "processes: subprocess, multiprocessing, os.fork, os.posix_spawn, os.system, os.exec*",
        PROCESSES,
        "posix.fork", "posix.forkpty", "posix.posix_spawn", "posix.posix_spawnp", "posix.system",
        "posix.execv", "posix.execve", "_posixsubprocess.fork_exec",
    ),
    _refusal(
        "process-exit",
        "the end of this process: os._exit, os.abort",
        "worker.crash() kills a simulated process",
        "posix._exit", "posix.abort",
    ),
    _refusal(
        "signals",
        "signals: signal.signal, setitimer, alarm, pause, sigwait, os.kill, os.killpg, ...",
        "stop a worker with worker.stop() and kill it with worker.crash(); for timers use asyncio",
        "_signal.signal", "_signal.setitimer", "_signal.alarm", "_signal.pause",
        "_signal.raise_signal", "_signal.pthread_kill", "_signal.pthread_sigmask",
        "_signal.pidfd_send_signal", "_signal.set_wakeup_fd", "_signal.siginterrupt",
        "_signal.sigwait", "_signal.sigwaitinfo", "_signal.sigtimedwait", "posix.kill",
        "posix.killpg", "_thread.interrupt_main",
    ),
    Control(
        Source(
            "sockets",
            "sockets: creating one, and using one that was created before",
            "refused",
            SOCKETS,
        ),
        _sockets,
    ),
    _refusal(
        "name-lookups",
        "looking up names: socket.getaddrinfo, gethostbyname, getfqdn, getnameinfo, ...",
        SOCKETS,
        "_socket.getaddrinfo", "_socket.gethostbyname", "_socket.gethostbyname_ex",
        "_socket.gethostbyaddr", "_socket.getnameinfo",
    ),
    Control(
        Source(
            "file-polling",
            "waiting for files: select.select, poll, epoll, selectors",
            "refused",
            _POLLING,
        ),
        _polling,
    ),
    Control(
        Source(
            "second-event-loop",
            "a second event loop: asyncio.new_event_loop",
            "refused",
            _ONE_LOOP,
        ),
        _second_loop,
    ),
    _refusal(
        "input",
        "input()",
        "a run cannot be repeated with what somebody types; debuggers may ask",
        "builtins.input",
    ),
    _refusal(
        "clock-setting",
        "setting the machine's clock: time.clock_settime",
        "Worker.skew moves one simulated process's wall clock",
        "time.clock_settime", "time.clock_settime_ns",
    ),
)  # fmt: skip
