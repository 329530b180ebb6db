"""A failed test: its text, its saved trace, and the frames for a debugger."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import pytest

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.output import failure
from simqueue.report.story.story import render_story
from simqueue.search.saved import keep


@dataclass(slots=True)
class Frames:
    """The frames of a failed run, for ``--pdb`` to stop in."""

    item: pytest.Function
    kept: TracebackType | None = None

    @property
    def needed(self) -> bool:
        """Whether a debugger is going to be opened in them."""
        return bool(self.item.config.getoption("usepdb"))

    def keep(self, frames: TracebackType | None) -> None:
        """Keep them if they are needed: they keep all of the run alive."""
        if self.needed:
            self.kept = frames

    def fail(self, text: str) -> NoReturn:
        """Fail the test with a text, and with the traceback of the user's code."""
        frames, self.kept = self.kept, None
        raise failure(text).with_traceback(frames)


def report(trace: Trace, item: pytest.Function, note: str) -> str:
    """Save a failed run; return its story."""
    headline, again = _headline(trace, note), None
    try:
        again = again_command(item, keep(trace, item.config.stash[state.TRACES]))
    except UsageError as error:  # the failure is reported without the file
        headline += f"\nThe trace is not saved: {error}"
    return f"{headline}\n\n{render_story(trace, again=again)}"


def again_command(item: pytest.Item, trace: Path) -> str:
    """Return the command that replays a trace, for the directory where this pytest was started."""
    here, config = item.config.invocation_params.dir, item.config
    file, _, test = item.nodeid.partition("::")
    words = ["pytest", f"{os.path.relpath(config.rootpath / file, here)}::{test}"]
    for option, given in (("--rootdir", config.option.rootdir), ("-c", config.option.inifilename)):
        words += [option, str(given)] if given else []
    words += ["--simqueue-replay", os.path.relpath(trace, here)]
    return " ".join(map(shlex.quote, words))


def _headline(trace: Trace, note: str) -> str:
    failure = trace.outcome.failure
    what = "" if failure is None else f"{failure.kind}: {failure.message.partition(chr(10))[0]}"
    return f"seed {trace.seed}{f' ({note})' if note else ''}: {what}"
