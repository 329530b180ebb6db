"""Failures that a campaign found: shrunk, saved, and told."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simqueue.cli.painting import tell
from simqueue.cli.progress import shrink_bar
from simqueue.cli.saved import STORY_TAIL
from simqueue.cli.settings import Settings
from simqueue.cli.shrink import describe
from simqueue.cli.trusting import replay_line
from simqueue.errors import DivergenceError, UsageError
from simqueue.model.summary import FoundFailure, SavedFailure
from simqueue.terminal import complain

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.campaign.keeping import Keeping, Own
    from simqueue.search.campaign.tally import Found
    from simqueue.search.shrink.shrinker import Shrunk
    from simqueue.search.target import Target

_NOT_ALONE = ("exhaustive",)
"""Strategies whose runs are made from what others came to."""


@dataclass(frozen=True, slots=True)
class _File:
    """Where a failure is saved.

    ``old`` is a file that was there before the campaign. ``small`` is the run in one that the
    campaign has shrunk before it was resumed, ``note`` what there is to say of that.
    """

    path: Path | None
    old: bool = False
    small: Trace | None = None
    note: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still to be shrunk."""
        return self.path is not None and not self.old and self.small is None


@dataclass(slots=True)
class Finds:
    """What came of all failures of a target; ``interrupted`` is for who no longer wants to wait."""

    target: Target
    settings: Settings
    keeping: Keeping
    saved: tuple[SavedFailure, ...]
    interrupted: bool

    def keep_all(self, failures: Iterable[Found]) -> Iterator[FoundFailure]:
        """Save all failures at once, then shrink one after another, and tell of each."""
        files = [(found, self._keep(found)) for found in failures]
        waiting = sum(file.waits for _, file in files)
        for found, file in files:
            trace, note = file.small or found.trace, file.note
            if file.waits and file.path is not None:
                trace, note = self._shrunk(found, file.path, waiting)
                waiting -= 1
            yield self._told(found, trace, file.path, note, old=file.old)

    def _keep(self, found: Found) -> _File:
        """Save a failure, if it is not saved already; return its file."""
        from simqueue.search.saved import keep

        try:
            own = self.keeping.own(found.trace, found.signature, self.settings.traces)
            if own is not None:
                return self._gone_on_with(own, found)
            known = self._known_file(found.signature)
            if known is not None:
                return _File(known, old=True)
            self.keeping.note(found.trace, found.signature, found.trace)
            return _File(keep(found.trace, self.settings.traces))
        except UsageError as error:  # what was found is not lost with the file
            complain(f"simqueue: {error}")
            return _File(None)

    def _gone_on_with(self, own: Own, found: Found) -> _File:
        """Return the file of a failure that this campaign saved before it was resumed."""
        if own.done:
            return _File(own.path, small=own.trace, note=own.note)
        if not own.as_found:  # it is half shrunk, or of a later run
            self.keeping.note(found.trace, found.signature, found.trace)
            found.trace.save(own.path)
        return _File(own.path)

    def _known_file(self, signature: str) -> Path | None:
        """Return a file that was there before and still fails like that."""
        from simqueue.search.replay.regressions import still_failing

        for each in self.saved:
            if each.signature == signature and each.fate == "fails":
                return self.settings.home / each.trace
        if self.settings.regressions or self.interrupted:
            return None
        name, scenario = self.target.name, self.target.scenario
        try:
            regression = still_failing(signature, self.settings.traces, name, scenario)
        except KeyboardInterrupt:
            self.interrupted = True
            return None
        return None if regression is None else regression.saved.path

    def _shrunk(self, found: Found, path: Path, waiting: int) -> tuple[Trace, str]:
        """Shrink a failure into its file; return its trace, and what there is to say of that."""
        if self.interrupted or not self.settings.shrink_runs:
            return found.trace, ""
        limit = self.settings.allowance.to_shrink(waiting)
        small, note = found.trace, ""
        try:
            shrunk = self._shrink(found.trace, os.path.relpath(path, self.settings.home), limit)
            if shrunk is None:
                return found.trace, ""
            small, note = shrunk.trace, describe(shrunk)
            self._note(found, small, note)
            small.save(path)
        except DivergenceError as error:
            note = f"not shrunk, as it does not fail like that again: {error}"
            self._note(found, small, note)
        except UsageError as error:
            return found.trace, f"not shrunk: {error}"
        return small, note

    def _note(self, found: Found, saved: Trace, note: str) -> None:
        done = not self.interrupted
        self.keeping.note(found.trace, found.signature, saved, done=done, note=note)

    def _shrink(self, trace: Trace, name: str, limit: timedelta | None) -> Shrunk | None:
        """Return the simplest run, or the simplest so far if patience is over."""
        from simqueue.search.shrink.shrinker import shrink_further

        so_far: list[Shrunk | None] = [None]
        with shrink_bar(name, self.settings.shrink_runs) as show:

            def on_progress(shrunk: Shrunk) -> None:
                so_far[0] = shrunk
                show(shrunk)

            try:
                return shrink_further(
                    trace,
                    scenario=self.target.scenario,
                    budget_runs=self.settings.shrink_runs,
                    time_limit=limit,
                    on_progress=on_progress,
                )
            except KeyboardInterrupt:
                self.interrupted = True
                return so_far[0]

    def _told(
        self, found: Found, trace: Trace, path: Path | None, note: str, *, old: bool
    ) -> FoundFailure:
        from simqueue.model.trace import Trace
        from simqueue.report.story.story import render_story

        if old and path is not None:
            trace = Trace.load(path)
        home, name = self.settings.home, self.target.name
        file = None if path is None else os.path.relpath(path, home)
        again = self._again(found) if file is None else replay_line(file, name, home)
        story = render_story(trace, tail=STORY_TAIL)
        if old and file not in {each.trace for each in self.saved}:  # nobody has printed it yet
            note = f"saved before: {file}"
            old = False
        if not old:
            said = f"{story}\n{note}\n" if note else f"{story}\n"
            tell(f"{said}Again: {again}\n\n")
        return described(found, trace, file, again, story)

    def _again(self, found: Found) -> str:
        """Return the command that plays the first run of a failure, or saves it after all."""
        from simqueue.search.target import as_word

        if found.strategy in _NOT_ALONE:
            state = os.path.relpath(self.settings.state, self.settings.home)
            return f"simqueue merge {shlex.quote(state)} --traces DIR"
        other = "" if found.strategy == "random" else f" --strategy {found.strategy}"
        name, options = as_word(self.target.name), self.settings.options
        return f"simqueue run {name} --seed {found.trace.seed}{other}{options}"


def described(found: Found, trace: Trace, file: str | None, again: str, story: str) -> FoundFailure:
    """Return a failure as summaries have it."""
    failure = trace.outcome.failure
    assert failure is not None  # noqa: S101  or it would not have been found
    return FoundFailure(
        signature=found.signature,
        kind=failure.kind,
        message=failure.message,
        where=failure.where,
        count=found.count,
        number=found.number,
        seed=trace.seed,
        strategy=found.strategy,
        trace=file,
        again=again,
        story=story,
    )
