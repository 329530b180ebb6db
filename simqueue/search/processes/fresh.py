"""Fresh processes: another interpreter, with this very simqueue."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command_line(*words: str) -> list[str]:
    """Return the command line that starts a command of simqueue."""
    return [sys.executable, "-m", "simqueue", *words]


def environment(hash_seed: str) -> dict[str, str]:
    """Return this process's environment with a PYTHONHASHSEED and a PYTHONPATH to simqueue."""
    ours = str(Path(__file__).parents[3])
    given = os.environ.get("PYTHONPATH")
    path = f"{ours}{os.pathsep}{given}" if given else ours
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
