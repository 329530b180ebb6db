"""Saved failures: played again before a campaign begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from simqueue.cli.painting import tell
from simqueue.cli.settings import Settings
from simqueue.cli.trusting import replay_line
from simqueue.errors import TraceFormatError
from simqueue.model.summary import SavedFailure
from simqueue.search.processes.output import LINES_SHOWN, Output, flush
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.search.campaign.keeping import Keeping
    from simqueue.search.replay.regressions import Regression, Saved
    from simqueue.search.target import Target

STORY_TAIL = 12


class _Open:
    """Stands for an ``Output`` where nothing is captured."""

    def paused(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def tail(self) -> str:
        """Return nothing: it was shown already."""
        return ""


@contextmanager
def capturing(settings: Settings) -> Iterator[Output | _Open]:
    """Capture the output of runs in this process, unless the command shows it."""
    if not settings.capture:
        yield _Open()
        return
    with Output() as output, output.captured():
        yield output


def play_saved(target: Target, settings: Settings, keeping: Keeping) -> Iterator[SavedFailure]:
    """Play a target's saved failures again and print the result of each; leave the files alone.

    Failures that were saved by the campaign that is resumed are not among them.
    """
    from simqueue.search.replay.regressions import saved_failures

    if settings.regressions:
        for saved in saved_failures(settings.traces, target.name):
            if not keeping.owns(saved):
                yield _play(saved, target, settings)


def _play(saved: Saved, target: Target, settings: Settings) -> SavedFailure:
    from simqueue.search.replay.regressions import play_again

    file = os.path.relpath(saved.path, settings.home)
    accepted = settings.known.of(target.name)
    try:
        with capturing(settings) as output:
            regression = play_again(saved, target.scenario, accepted)
            flush()
            printed = render_printed(regression.replayed.printed or output.tail())
    except TraceFormatError as error:
        problem = " ".join(f"{file} is not played: {error}".split())
        complain(f"saved failure {problem}")
        return SavedFailure(file, saved.signature, "unreadable", problem)
    again = replay_line(file, target.name, settings.home)
    return _reported(regression, file, again, printed)


def render_printed(printed: str) -> str:
    """Return what a failing run printed, under a heading; nothing if it printed nothing."""
    if not printed:
        return ""
    lines = "".join(f"    {line}\n" for line in printed.splitlines())
    return f"Printed in this run, the last {LINES_SHOWN} lines at most:\n{lines}\n"


def _reported(regression: Regression, file: str, again: str, printed: str) -> SavedFailure:
    from simqueue.report.story.story import render_story

    result = regression.describe(file)
    story = ""
    if regression.failed:
        story = render_story(regression.replayed.run.trace, tail=STORY_TAIL)
        tell(f"{story}\n{printed}Again: {again}\n\n")
    say(f"saved failure {result}")
    return SavedFailure(file, regression.saved.signature, regression.fate, result, story)
