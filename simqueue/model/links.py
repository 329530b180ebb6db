"""Symbolic links: simqueue reads through them and never writes through them."""

from __future__ import annotations

import os
from pathlib import Path

from simqueue.errors import UsageError


def refuse_link(path: str | os.PathLike[str], remedy: str, name: str = "") -> None:
    """Raise ``UsageError`` if a path to be written is a symbolic link.

    Args:
        path: may lead to nothing.
        remedy: what a user can do about it.
        name: what the file is called, if not by its path.
    """
    if Path(path).is_symlink():
        problem = f"is a symbolic link, and simqueue writes through none: {remedy}"
        raise UsageError(f"{name or os.fspath(path)}: {problem}")
