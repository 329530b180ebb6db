"""Files that are written completely or not at all, and read completely up to a size limit.

A trace or a state may come from another user. Devices, pipes and files larger than ``MAX_SIZE`` are
refused before they are read. A file is first written under another name beside it and then renamed;
nothing is written through a symbolic link.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from simqueue.errors import UsageError
from simqueue.model.links import refuse_link
from simqueue.model.locks import held
from simqueue.model.parts import clear_parts, create_part

MAX_SIZE = "SIMQUEUE_MAX_SIZE"
"""The environment variable that sets the largest size of a file that is read."""

MAX_SIZE_DEFAULT = "1GB"
_UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


class UnfitError(OSError):
    """A path leads to something that must not be read as a file."""


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: there is none, or it cannot be read; ``reason`` says why.
    """
    # Not blocking: opening a pipe would wait until a process writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if check_readable(descriptor) else b""


def check_readable(descriptor: int) -> int:
    """Return the size of an open file; raise ``UnfitError`` if it must not be read whole."""
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise UnfitError("it is not a regular file; save what it gives to one first")
    limit, text = size_limit()
    if status.st_size > limit:
        raise UnfitError(
            f"it has {status.st_size:,} bytes, and {text} is the most that is read; allow more "
            f"with `simqueue --max-size SIZE COMMAND ...` or {MAX_SIZE}=SIZE"
        )
    return status.st_size


def size_limit() -> tuple[int, str]:
    """Return how many bytes a file may have that is read, and the same as the user wrote it."""
    text = os.environ.get(MAX_SIZE) or MAX_SIZE_DEFAULT
    return parse_size(text, MAX_SIZE), text


def parse_size(text: str, option: str) -> int:
    """Read ``800000``, ``500MB`` or ``1.5GB``; raise ``UsageError`` for anything else."""
    read = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([KMG]?B?)", text.strip(), re.IGNORECASE)
    unit = "" if read is None else read[2].upper()
    if read is None or not float(read[1]) or unit not in _UNITS:
        raise UsageError(f"{option} {text}: write a number of bytes, or 500KB, 20MB, 1.5GB")
    return int(float(read[1]) * _UNITS[unit])


def write_whole(path: str | os.PathLike[str], document: bytes | Iterable[bytes]) -> None:
    """Write a file, or leave an existing one unchanged; make the directories it lies in.

    The document may come in pieces.

    Raises:
        UsageError: the file cannot be written there, or is a symbolic link.
    """
    target = Path(path)
    with _named_errors(target):
        _refuse_unwritable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_parts(target.parent)
        _replace(target, document)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise ``UsageError`` if a file cannot be written over what is at a path."""
    with _named_errors(Path(path)):
        _refuse_unwritable(Path(path))


def _refuse_unwritable(path: Path) -> None:
    """Raise for symbolic links, directories, devices and pipes."""
    refuse_link(path, "name the file itself, or another")
    if not path.exists() or path.is_file():
        return
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # Replacing /dev/null by a file would succeed for root, and break the whole system.
    raise UnfitError("it exists and is not a regular file")


@contextmanager
def changing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes of simqueue from changing a file between reading and writing it.

    Raises:
        UsageError: nothing can be written in its directory.
    """
    target = Path(path)
    with ExitStack() as stack:
        with _named_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(target.with_name(f".{target.name}.lock")))
        yield


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        problem = f"cannot be written ({reason(error)}); name another"
        raise UsageError(f"{path}: {problem}") from None


def _replace(target: Path, document: bytes | Iterable[bytes]) -> None:
    part, descriptor = create_part(target)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([document] if isinstance(document, bytes) else document)
            file.flush()
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            os.fsync(file.fileno())
            part.replace(target)  # while it is locked, or another process would remove it
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def reason(error: Exception) -> str:
    """Return why a file could not be read or written, in the system's words."""
    if isinstance(error, UnfitError):
        return str(error)
    return (getattr(error, "strerror", None) or str(error)).lower()
