"""Failures that were saved before: played again before a campaign begins."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simqueue.cli.painting import tell
from simqueue.cli.settings import Settings
from simqueue.errors import TraceFormatError
from simqueue.model.summary import SavedFailure
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.search.regressions import Regression, Saved
    from simqueue.search.target import Target

STORY_TAIL = 12


def play_saved(target: Target, settings: Settings) -> Iterator[SavedFailure]:
    """Play a target's saved failures again, and tell of each; files are left alone."""
    from simqueue.search.regressions import saved_failures

    if settings.regressions:
        for saved in saved_failures(settings.traces, target.name):
            yield _play(saved, target, settings)


def _play(saved: Saved, target: Target, settings: Settings) -> SavedFailure:
    from simqueue.search.regressions import play_again

    file = os.path.relpath(saved.path, settings.home)
    accepted = settings.known.of(target.name)
    try:
        regression = play_again(saved, target.scenario, accepted)
    except TraceFormatError as error:
        said = " ".join(f"{file} is not played: {error}".split())
        complain(f"saved failure {said}")
        return SavedFailure(file, saved.signature, "unreadable", said)
    return _told(regression, file)


def _told(regression: Regression, file: str) -> SavedFailure:
    from simqueue.report.story import render_story

    said = regression.describe(file)
    story = ""
    if regression.failed:
        story = render_story(regression.replayed.run.trace, tail=STORY_TAIL)
        tell(f"{story}\nAgain: simqueue replay {shlex.quote(file)}\n\n")
    say(f"saved failure {said}")
    return SavedFailure(file, regression.saved.signature, regression.fate, said, story)
