"""State: the values that the plugin's hooks keep in pytest's stashes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simqueue.model.trace import Trace

TRACE: pytest.StashKey[Trace | None] = pytest.StashKey()
"""The trace of ``--simqueue-replay``."""
TRACES = pytest.StashKey[Path]()
"""The directory of saved failures."""
VERDICTS = pytest.StashKey[list[str]]()
"""Lines about replays, printed at the end of the session."""
REPLAYING = pytest.StashKey[bool]()
"""Whether the replay of a trace has begun."""
DEBUGGED = pytest.StashKey[bool]()
"""Whether a debugger was opened while a test ran: shrinking would open it in each run."""
OURS = pytest.StashKey[bool]()
"""Set for a test whose function has been replaced by one that runs it in simulations."""
STARTED = pytest.StashKey[int]()
"""How many tests this process has begun."""
