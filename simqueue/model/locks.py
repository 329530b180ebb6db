"""Locks of files. They end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simqueue.model.links import refuse_link


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for; wait until no other process holds it.

    The file is made for that and removed afterwards. One that a killed process has left is used.

    Raises:
        UsageError: it is a symbolic link.
        OSError: it cannot be made or locked.
    """
    descriptor = _acquired(path)
    try:
        yield
    finally:
        if not os.fstat(descriptor).st_size:  # a file with content is not a lock file of ours
            with suppress(OSError):
                path.unlink()
        os.close(descriptor)


def _acquired(path: Path) -> int:
    while True:
        refuse_link(path, "remove it")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # The process that held it has removed it: others lock the next file of that name.
            if is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed, unless another process has locked it.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether a path leads to an open file itself, not through a link."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
