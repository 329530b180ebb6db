"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from simqueue.errors import UsageError


def write_whole(path: str | os.PathLike[str], document: bytes) -> None:
    """Write a file, or leave what is there as it was; make the directories it lies in.

    Raises:
        UsageError: the file cannot be written there.
    """
    target = Path(os.path.realpath(path))
    try:
        _refuse_device(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, document)
    except (OSError, ValueError) as error:
        where = os.fspath(path)
        raise UsageError(f"{where}: cannot be written ({reason(error)}); name another") from None


def _refuse_device(target: Path) -> None:
    # Replacing /dev/null by a file would succeed for root, and hurt everybody.
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise ValueError("it exists and is not a regular file")


def _replace(target: Path, document: bytes) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink()


def reason(error: Exception) -> str:
    """Return why a file could not be read or written, in the system's words."""
    return (getattr(error, "strerror", None) or str(error)).lower()
