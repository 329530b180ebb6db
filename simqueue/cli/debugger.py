"""The debugger that a person wants: pdb, or that of PYTHONBREAKPOINT."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from types import TracebackType


def post_mortem(frames: TracebackType) -> None:
    """Look at frames of what is over."""
    import pdb  # noqa: T100  asked for

    wanted = os.environ.get("PYTHONBREAKPOINT", "").rpartition(".")[0]
    try:
        look = getattr(import_module(wanted), "post_mortem", pdb.post_mortem)
    except (ImportError, ValueError):
        look = pdb.post_mortem
    with contextlib.suppress(SystemExit):  # of ``exit()`` in an interpreter that it opened
        look(frames)
