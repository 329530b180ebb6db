"""Frames: how messages travel over a pipe, as a length and the bytes."""

from __future__ import annotations

import os
import pickle
import select
from collections.abc import Callable
from struct import Struct
from time import perf_counter
from typing import Any

_LENGTH = Struct(">Q")
_PIPE_MAX = 1 << 16


def pack(message: object) -> bytes:
    """Return a message as bytes."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpack(data: bytes) -> Any:
    """Return the message that ``pack`` packed."""
    return pickle.loads(data)  # noqa: S301  a process of the same campaign packed it


def write_frame(fd: int, data: bytes) -> None:
    """Write a frame to a pipe.

    Raises:
        OSError: its other end is closed.
    """
    left = memoryview(_LENGTH.pack(len(data)) + data)
    while left:
        left = left[os.write(fd, left) :]


def read_frame(fd: int, limit: float) -> bytes:
    """Read a frame from a pipe.

    Raises:
        EOFError: its other end is closed.
        TimeoutError: nothing came for ``limit`` real seconds.
    """
    wait = _waiter(fd, perf_counter() + limit)
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size, wait))
    return _read(fd, length, wait)


def _waiter(fd: int, deadline: float) -> Callable[[], None]:
    poll = select.poll()
    poll.register(fd, select.POLLIN)

    def wait() -> None:
        if not poll.poll(max(0.0, deadline - perf_counter()) * 1000):
            raise TimeoutError

    return wait


def _read(fd: int, length: int, wait: Callable[[], None]) -> bytes:
    read = bytearray()
    while len(read) < length:
        wait()
        piece = os.read(fd, min(length - len(read), _PIPE_MAX))
        if not piece:
            raise EOFError
        read += piece
    return bytes(read)
