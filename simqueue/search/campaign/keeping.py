"""Keeping: which saved failures are a campaign's own, and which of them were shrunk completely.

A campaign may be killed after it has saved a failure and before that is shrunk. Its state has a
line for each file, written before the file is. So after ``--resume`` the campaign recognizes its
own files, and shrinking goes on.
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

    ``unshrunk`` is whether it holds the run as the campaign played it, ``done`` whether shrinking
    it was completed; then ``note`` is the result in words.
    """

    path: Path
    trace: Trace
    unshrunk: bool
    done: bool
    note: str


@dataclass(slots=True)
class Keeping:
    """The lines of a campaign's state about the failures that the campaign saved.

    ``journal`` writes lines while the campaign is played and has its file open. Opening the file a
    second time would release its lock.
    """

    path: Path
    lines: list[Kept] = field(default_factory=list)
    journal: Callable[[Line], object] | None = None

    @classmethod
    def of(
        cls, directory: str | os.PathLike[str], identity: Identity, now: Session, *, resume: bool
    ) -> Keeping:
        """Read a campaign's state; if the code has changed since, no file counts as its own.

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

    def own(self, first: Trace, signature: str, directory: Path) -> Own | None:
        """Return the campaign's own file for a failure; ``first`` is the trace of its first run."""
        lines = {line.saved: line for line in self.lines if line.signature == signature}
        for saved in saved_failures(directory, first.target):
            line = lines.get(saved.checksum)
            if line is None:
                continue
            try:
                trace = Trace.load(saved.path)
            except TraceFormatError:
                continue
            checksum = seal(first).checksum
            done = line.done and line.found == checksum
            return Own(saved.path, trace, saved.checksum == checksum, done, line.note)
        return None

    def note(
        self, first: Trace, signature: str, saved: Trace, *, done: bool = False, note: str = ""
    ) -> None:
        """Record that ``saved`` is about to be written as the file of a failure."""
        line = Kept(signature, seal(first).checksum, seal(saved).checksum, done, note)
        self.lines.append(line)
        if self.journal is None:
            append_to(self.path, line)
        else:
            self.journal(line)
