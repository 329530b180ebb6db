"""Refusals: what a simulation cannot repeat, and what to use instead."""

from __future__ import annotations

import asyncio
import asyncio.events
import select
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

from simqueue.sim.patch import Attribute, Patch, overrides, own, redirects
from simqueue.sim.refusing import refusing
from simqueue.sim.source import Control, Scope, Source

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


def _builtins(names: tuple[str, ...], instead: str) -> Callable[[Scope], Iterator[Patch]]:
    def patches(scope: Scope) -> Iterator[Patch]:
        yield from redirects({name: refusing(scope, _public(name), instead) for name in names})

    return patches


def _refusal(source: str, instead: str, *names: str) -> Control:
    return Control(Source(source, "refused", instead), _builtins(names, instead))


_SOCKETS = (
    "talk to the simulated database through sim.driver or sim.connect(), and put a fake of your own "
    "in place of other services"
)


def _sockets(scope: Scope) -> Iterator[Patch]:
    yield from overrides(
        socket.socket, _CONNECTION_METHODS, lambda name: refusing(scope, _method("socket", name), _SOCKETS)
    )
    # Not imported for this alone: who has no ssl has no such socket either.
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        yield from overrides(
            ssl.SSLSocket, _TLS_METHODS, lambda name: refusing(scope, f"SSLSocket.{name}", _SOCKETS)
        )
    yield from _builtins(("_socket.socketpair", "_socket.sethostname"), _SOCKETS)(scope)


def _method(owner: str, name: str) -> str:
    return f"{owner}.{owner}" if name == "__init__" else f"{owner}.{name}"


_POLLING = "nothing outside the simulation can become ready; await an asyncio primitive or sleep"


def _polling(scope: Scope) -> Iterator[Patch]:
    yield from _builtins(("select.select", "select.poll"), _POLLING)(scope)
    for name in ("epoll", "devpoll", "kqueue"):
        if own(select, name) is getattr(select, name, None):
            yield Attribute(select, name, refusing(scope, f"select.{name}", _POLLING)(getattr(select, name)))
    for name in ("EpollSelector", "_PollLikeSelector", "KqueueSelector"):
        owner = getattr(selectors, name, None)
        if owner is not None:
            yield from overrides(owner, ("select",), lambda _: refusing(scope, "selector.select", _POLLING))


_ONE_LOOP = "await in the loop that runs; another simulated process is sim.worker()"


def _second_loop(scope: Scope) -> Iterator[Patch]:
    refuse: Any = refusing(scope, "asyncio.new_event_loop", _ONE_LOOP)(asyncio.new_event_loop)
    yield Attribute(asyncio, "new_event_loop", refuse)
    yield Attribute(asyncio.events, "new_event_loop", refuse)


CONTROLS = (
    _refusal(
        "threads: threading.Thread, Timer, concurrent.futures executors",
        "use asyncio.to_thread or anyio.to_thread, which run at a chosen step of the simulation",
        "_thread.start_new_thread", "_thread.start_new", "_thread.start_joinable_thread",
    ),
    _refusal(
        "processes: subprocess, multiprocessing, os.fork, os.posix_spawn, os.system, os.exec*",
        "another simulated process is sim.worker(); put a fake of your own in place of a program",
        "posix.fork", "posix.forkpty", "posix.posix_spawn", "posix.posix_spawnp", "posix.system",
        "posix.execv", "posix.execve", "_posixsubprocess.fork_exec",
    ),
    _refusal(
        "the end of this process: os._exit, os.abort",
        "worker.crash() kills a simulated process",
        "posix._exit", "posix.abort",
    ),
    _refusal(
        "signals: signal.signal, setitimer, alarm, pause, sigwait, os.kill, os.killpg, ...",
        "stop a worker with worker.stop() and kill it with worker.crash(); for a timer use the loop",
        "_signal.signal", "_signal.setitimer", "_signal.alarm", "_signal.pause",
        "_signal.raise_signal", "_signal.pthread_kill", "_signal.pthread_sigmask",
        "_signal.pidfd_send_signal", "_signal.set_wakeup_fd", "_signal.siginterrupt",
        "_signal.sigwait", "_signal.sigwaitinfo", "_signal.sigtimedwait", "posix.kill",
        "posix.killpg", "_thread.interrupt_main",
    ),
    Control(
        Source("sockets: creating one, and using one that was created before", "refused", _SOCKETS),
        _sockets,
    ),
    _refusal(
        "looking up names: socket.getaddrinfo, gethostbyname, getfqdn, getnameinfo, ...",
        _SOCKETS,
        "_socket.getaddrinfo", "_socket.gethostbyname", "_socket.gethostbyname_ex",
        "_socket.gethostbyaddr", "_socket.getnameinfo",
    ),
    Control(
        Source("waiting for files: select.select, poll, epoll, selectors", "refused", _POLLING),
        _polling,
    ),
    Control(Source("a second event loop: asyncio.new_event_loop", "refused", _ONE_LOOP), _second_loop),
    _refusal(
        "input()",
        "a run cannot be repeated with what somebody types; debuggers may ask",
        "builtins.input",
    ),
    _refusal(
        "setting the machine's clock: time.clock_settime",
        "Worker.skew moves one simulated process's wall clock",
        "time.clock_settime", "time.clock_settime_ns",
    ),
)  # fmt: skip
