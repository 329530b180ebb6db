"""Symbolic links: simqueue reads through them and never writes through them."""

from __future__ import annotations

import os
from pathlib import Path

from simqueue.errors import UsageError


def refuse_link(path: str | os.PathLike[str], name: str = "") -> None:
    """Raise ``UsageError`` if a path to be written is a link; ``name`` is what it is called."""
    if Path(path).is_symlink():
        problem = "is a symbolic link, and simqueue writes through none: remove it or name another"
        raise UsageError(f"{name or os.fspath(path)}: {problem}")
