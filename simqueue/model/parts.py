"""Parts: files that are written beside a file and then renamed to replace it.

A process locks its part until it is done. So a part that can be locked was left by a process that
was killed, and the next that writes in that directory removes it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from simqueue.model.links import refuse_link
from simqueue.model.locks import is_at, try_lock

_NAME = re.compile(r"\..+\.simqueue-\d+(-\d+)?\.part", re.DOTALL)
_NUMBERS = 100
"""How many parts of one file a process may write at a time."""


def create_part(target: Path) -> tuple[Path, int]:
    """Create a part of a file, empty and locked; return it and its descriptor.

    Raises:
        UsageError: there is a symbolic link in its place.
        OSError: it cannot be created.
    """
    for number in range(_NUMBERS):
        mark = f"{os.getpid()}-{number}" if number else f"{os.getpid()}"
        part = target.with_name(f".{target.name}.simqueue-{mark}.part")
        refuse_link(part, "remove it")
        with suppress(FileExistsError):  # another thread, or a process of that id elsewhere
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(part, flags, 0o666)
            if _claimed(part, descriptor):
                return part, descriptor
            os.close(descriptor)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _claimed(part: Path, descriptor: int) -> bool:
    """Lock a new part; return False if another process has taken it for one that was left."""
    try:
        return try_lock(descriptor) and is_at(part, descriptor)
    except OSError:  # the file system has no locks, so nobody removes parts
        return True


def clear_parts(directory: Path) -> None:
    """Remove the parts in a directory that killed processes have left."""
    with suppress(OSError):
        for path in directory.iterdir():
            if _NAME.fullmatch(path.name):
                _clear(path)


def _clear(part: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            if regular and try_lock(descriptor) and is_at(part, descriptor):
                part.unlink()
        finally:
            os.close(descriptor)
