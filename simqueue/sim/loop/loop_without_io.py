"""Methods of asyncio's loops that a simulated loop refuses: I/O, and running or stopping it."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from simqueue.sim.code.advice import PROCESSES as _NO_PROCESSES
from simqueue.sim.code.advice import SOCKETS as _NO_SOCKETS
from simqueue.sim.code.refusing import refusal

_NO_SIGNALS = "stop a worker with worker.stop() and kill it with worker.crash()"


def _refused(instead: str) -> Any:
    return _Refused(instead)


class _Refused:
    """A method that raises ``RefusedError`` when it is called."""

    def __init__(self, instead: str) -> None:
        self._instead = instead
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loop: object, owner: type) -> Any:
        return self

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise refusal(f"loop.{self._name}", self._instead)


class LoopWithoutIO(asyncio.AbstractEventLoop):
    """A loop on which every method that does I/O raises ``RefusedError``."""

    add_reader = _refused(_NO_SOCKETS)
    remove_reader = _refused(_NO_SOCKETS)
    add_writer = _refused(_NO_SOCKETS)
    remove_writer = _refused(_NO_SOCKETS)
    create_connection = _refused(_NO_SOCKETS)
    create_server = _refused(_NO_SOCKETS)
    create_unix_connection = _refused(_NO_SOCKETS)
    create_unix_server = _refused(_NO_SOCKETS)
    create_datagram_endpoint = _refused(_NO_SOCKETS)
    connect_accepted_socket = _refused(_NO_SOCKETS)
    connect_read_pipe = _refused(_NO_SOCKETS)
    connect_write_pipe = _refused(_NO_SOCKETS)
    start_tls = _refused(_NO_SOCKETS)
    sendfile = _refused(_NO_SOCKETS)
    sock_recv = _refused(_NO_SOCKETS)
    sock_recv_into = _refused(_NO_SOCKETS)
    sock_recvfrom = _refused(_NO_SOCKETS)
    sock_recvfrom_into = _refused(_NO_SOCKETS)
    sock_sendall = _refused(_NO_SOCKETS)
    sock_sendto = _refused(_NO_SOCKETS)
    sock_connect = _refused(_NO_SOCKETS)
    sock_accept = _refused(_NO_SOCKETS)
    sock_sendfile = _refused(_NO_SOCKETS)
    getaddrinfo = _refused(_NO_SOCKETS)
    getnameinfo = _refused(_NO_SOCKETS)
    subprocess_exec = _refused(_NO_PROCESSES)
    subprocess_shell = _refused(_NO_PROCESSES)
    add_signal_handler = _refused(_NO_SIGNALS)
    remove_signal_handler = _refused(_NO_SIGNALS)

    def run_until_complete(self, future: Any) -> NoReturn:
        """Refuse: the simulation runs the loop."""
        raise RuntimeError("this loop is run by simqueue.run; await instead")

    def run_forever(self) -> NoReturn:
        """Refuse: the simulation runs the loop."""
        raise RuntimeError("this loop is run by simqueue.run; await instead")

    def stop(self) -> NoReturn:
        """Refuse: the simulation runs the loop."""
        raise RuntimeError(
            "this loop is stopped by the end of the scenario; return from it instead"
        )
