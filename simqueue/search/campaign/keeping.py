"""Keeping: which saved failures are a campaign's own, and which of them were shrunk completely.

A campaign may be killed after it has saved a failure and before that is shrunk. Its state has a
line for each file, written before the file is. So after ``--resume`` a file of the campaign itself
is not taken for one that was there before, and shrinking goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simqueue.errors import TraceFormatError
from simqueue.model.trace import Trace, seal
from simqueue.search.campaign.journal import append_to, read_state
from simqueue.search.campaign.statelines import Identity, Kept, Line, Session
from simqueue.search.replay.regressions import Saved, saved_failures


@dataclass(frozen=True, slots=True)
class Own:
    """A file of the campaign itself.

    ``as_found`` is whether it holds the run that the campaign found, ``done`` whether shrinking
    that was completed, and then ``note`` is its result in words.
    """

    path: Path
    trace: Trace
    as_found: bool
    done: bool
    note: str


@dataclass(slots=True)
class Keeping:
    """What a campaign's state says of the failures that the campaign saved.

    ``journal`` writes lines while the campaign is played and has its file open. To open that a
    second time would give up the lock on it.
    """

    path: Path
    lines: list[Kept] = field(default_factory=list)
    journal: Callable[[Line], object] | None = None

    @classmethod
    def of(
        cls, directory: str | os.PathLike[str], identity: Identity, now: Session, *, resume: bool
    ) -> Keeping:
        """Read a campaign's state; of code that has changed since, no file is its own.

        Raises:
            UsageError: the state cannot be used.
        """
        path = Path(directory) / identity.file_name()
        if not resume or not path.exists() or not path.stat().st_size:
            return cls(path)
        state = read_state(path)
        changed = any(session.changes(now) for session in state.sessions)
        return cls(path) if changed or state.identity != identity else cls(path, state.kept)

    def owns(self, saved: Saved) -> bool:
        """Return whether the campaign has written a file that has not changed since."""
        return any(line.saved == saved.checksum for line in self.lines)

    def own(self, found: Trace, signature: str, directory: Path) -> Own | None:
        """Return the campaign's own file for a failure that it found."""
        lines = {line.saved: line for line in self.lines if line.signature == signature}
        for saved in saved_failures(directory, found.target):
            line = lines.get(saved.checksum)
            if line is None:
                continue
            try:
                trace = Trace.load(saved.path)
            except TraceFormatError:
                continue
            checksum = seal(found).checksum
            done = line.done and line.found == checksum
            return Own(saved.path, trace, saved.checksum == checksum, done, line.note)
        return None

    def note(
        self, found: Trace, signature: str, saved: Trace, *, done: bool = False, note: str = ""
    ) -> None:
        """Write down that ``saved`` is about to be the file of a failure."""
        line = Kept(signature, seal(found).checksum, seal(saved).checksum, done, note)
        self.lines.append(line)
        if self.journal is None:
            append_to(self.path, line)
        else:
            self.journal(line)
