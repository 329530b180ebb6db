"""Whether a thread is importing: a module's code runs once in a process.

The second run of a process does not import again, so values that an import draws or reads must not
change the run.
"""

from __future__ import annotations

from importlib import _bootstrap
from typing import Any

LOCKS: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
"""Weak references to the locks of the modules being imported; almost always empty."""


def importing(thread: int) -> bool:
    """Return whether a thread is loading a module; ask only when ``LOCKS`` is not empty."""
    locks = [reference() for reference in list(LOCKS.values())]
    return any(_owner(lock) == thread for lock in locks)


def _owner(lock: Any) -> object:
    owner = getattr(lock, "owner", None)
    return owner[0] if isinstance(owner, tuple) else owner
