"""Saved failures: a directory with a trace file for each."""

from __future__ import annotations

import itertools
import os
import re
from hashlib import blake2b
from pathlib import Path

from simqueue.errors import UsageError
from simqueue.model import trace as tracefile
from simqueue.model.files import changing, read_whole, write_whole
from simqueue.model.trace import Trace

DEFAULT_DIRECTORY = ".simqueue/failures"


def keep(trace: Trace, directory: str | os.PathLike[str]) -> Path:
    """Save a failed run under its target and signature; return the file.

    A file that holds another run is left alone, and the new one gets a number.

    Raises:
        UsageError: the directory cannot be written.
    """
    return keep_as(trace, Path(directory, f"{slug(trace.target)}-{_signed(trace)}"))


def keep_as(trace: Trace, stem: Path) -> Path:
    """Save a run as ``stem`` with a suffix, numbered if that holds another run; return the file.

    Raises:
        UsageError: it cannot be written there.
    """
    document = tracefile.encode(tracefile.seal(trace))
    numbered = (f"-{number}" for number in itertools.count(2))
    names = (f"{stem.name}{each}.json" for each in itertools.chain([""], numbered))
    with changing(stem):
        path = next(path for path in map(stem.with_name, names) if _may_hold(path, document))
        if not path.exists():
            write_whole(path, document)
    return path


def _may_hold(path: Path, document: bytes) -> bool:
    """Return whether there is nothing at a path, or a file of just this content."""
    if path.is_symlink():
        return False
    try:
        return read_whole(path) == document
    except FileNotFoundError:
        return True
    except OSError:
        return False


def slug(target: str) -> str:
    """Return the file's stem or the test's name, with nothing in it that a shell would read."""
    _, is_test, test = target.partition("::")
    stem = test if is_test else Path(target.partition(":")[0]).name.removesuffix(".py")
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:60] or "scenario"


def _signed(trace: Trace) -> str:
    failure = trace.outcome.failure
    signature = "" if failure is None else failure.signature
    return blake2b(f"{trace.target}\n{signature}".encode(), digest_size=4).hexdigest()


def check_directory(directory: str | os.PathLike[str]) -> None:
    """Make sure that failures can be kept there, before time is spent on finding them.

    Raises:
        UsageError: they cannot.
    """
    path = Path(directory).resolve()
    while not path.exists():
        path = path.parent
    if not path.is_dir():
        raise UsageError(f"{os.fspath(directory)}: cannot be written: {path} is not a directory")
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"{os.fspath(directory)}: cannot be written: no permission for {path}")
