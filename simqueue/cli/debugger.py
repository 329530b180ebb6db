"""The debugger for a run that has ended: pdb, or the one that PYTHONBREAKPOINT names."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from types import TracebackType


def post_mortem(frames: TracebackType) -> None:
    """Open the debugger in the frames of a traceback."""
    import pdb  # noqa: T100  the user asked for it

    wanted = os.environ.get("PYTHONBREAKPOINT", "").rpartition(".")[0]
    try:
        look = getattr(import_module(wanted), "post_mortem", pdb.post_mortem)
    except (ImportError, ValueError):
        look = pdb.post_mortem
    with contextlib.suppress(SystemExit):  # of ``exit()`` in an interpreter that it opened
        look(frames)
