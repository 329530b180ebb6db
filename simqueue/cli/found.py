"""New failures of a campaign: saved and printed at once, shrunk when the runs are over."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simqueue.cli.painting import tell
from simqueue.cli.progress import shrink_bar
from simqueue.cli.saved import STORY_TAIL, capturing, render_printed
from simqueue.cli.settings import Settings
from simqueue.cli.shrink import describe
from simqueue.cli.trusting import replay_line
from simqueue.errors import DivergenceError, UsageError
from simqueue.model.summary import FoundFailure, SavedFailure
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.campaign.keeping import Keeping, Own
    from simqueue.search.campaign.tally import Found
    from simqueue.search.shrink.shrinker import Shrunk
    from simqueue.search.target import Target

_NOT_ALONE = ("exhaustive",)
"""Strategies whose runs follow from the results of others."""


@dataclass(slots=True)
class Patience:
    """The state that all targets share when runs are over.

    ``over`` is set by Ctrl-C: then nothing more is shrunk. ``waiting`` is how many failures are
    still to be shrunk.
    """

    over: bool = False
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    """Where a failure is saved.

    ``old`` is a file that was there before the campaign. ``small`` is the run in one that the
    campaign had shrunk before it was resumed, ``note`` the result of shrinking in words.
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
    """The failures of one target. ``interrupted`` is set if one of them was not shrunk to the end.

    ``printed`` holds the checksums of the runs that were printed, by their failures' signatures.
    """

    target: Target
    settings: Settings
    keeping: Keeping
    patience: Patience
    saved: tuple[SavedFailure, ...] = ()
    interrupted: bool = False
    printed: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    old: dict[str, Path | None] = field(default_factory=dict)
    unsaved: set[str] = field(default_factory=set)

    def new(self, failures: Iterable[Found]) -> list[Found]:
        """Return failures that were not reported yet."""
        return [failure for failure in failures if failure.signature not in self.reported]

    def report(self, failure: Found) -> None:
        """Save a failure and print its run as it was played, unless it was printed before."""
        self.reported.add(failure.signature)
        file = self._keep(failure)
        if file.small is not None or self._was_printed(file):
            return
        trace = self._trace_in(file, failure.trace)
        if file.old:
            remark = ""  # printed with its file
        elif self.settings.shrink_runs and file.waits:
            remark = f"As found in run {failure.number}: it is shrunk when the runs are over.\n"
        else:
            remark = f"As found in run {failure.number}.\n"
        self._print(failure, trace, file, f"{render_printed(failure.printed)}{remark}")

    def keep_all(self, failures: Iterable[Found]) -> Iterator[FoundFailure]:
        """Save all failures, then shrink one after another, and print what that changed."""
        files = [(failure, self._keep(failure)) for failure in failures]
        self.patience.waiting -= sum(not file.waits for _, file in files)
        for failure, file in files:
            trace, note = self._trace_in(file, file.small or failure.trace), file.note
            if file.waits and file.path is not None:
                trace, note = self._shrunk(failure, file.path)
            if not self._was_printed(file):
                self._print_small(failure, trace, file, note)
            yield self._described(failure, trace, file)

    # --- saving ---

    def _keep(self, failure: Found) -> _File:
        """Save a failure, if it is not saved already; return its file."""
        from simqueue.search.saved import keep

        if failure.signature in self.unsaved:
            return _File(None)
        try:
            own = self.keeping.own(failure.trace, failure.signature, self.settings.traces)
            if own is not None:
                return self._gone_on_with(own, failure)
            known = self._known_file(failure.signature)
            if known is not None:
                return _File(known, old=True)
            self.keeping.note(failure.trace, failure.signature, failure.trace)
            return _File(keep(failure.trace, self.settings.traces))
        except UsageError as error:  # the failure is printed without a file
            self.unsaved.add(failure.signature)
            complain(f"simqueue: {error}")
            return _File(None)

    def _gone_on_with(self, own: Own, failure: Found) -> _File:
        """Return the file of a failure that this campaign has saved already."""
        if own.done:
            return _File(own.path, small=own.trace, note=own.note)
        if not own.unshrunk:  # it is half shrunk, or of a later run
            self.keeping.note(failure.trace, failure.signature, failure.trace)
            failure.trace.save(own.path)
        return _File(own.path)

    def _known_file(self, signature: str) -> Path | None:
        """Return a file that was there before and still fails like that."""
        from simqueue.search.replay.regressions import still_failing

        for each in self.saved:
            if each.signature == signature and each.fate == "fails":
                return self.settings.home / each.trace
        if self.settings.regressions or self.patience.over:
            return None
        if signature not in self.old:
            name, scenario = self.target.name, self.target.scenario
            try:
                with capturing(self.settings):
                    regression = still_failing(signature, self.settings.traces, name, scenario)
            except KeyboardInterrupt:
                self.patience.over = self.interrupted = True
                return None
            self.old[signature] = None if regression is None else regression.saved.path
        return self.old[signature]

    # --- shrinking ---

    def _shrunk(self, failure: Found, path: Path) -> tuple[Trace, str]:
        """Shrink a failure into its file; return its trace, and the result in words."""
        if self.patience.over or not self.settings.shrink_runs:
            self.interrupted |= self.patience.over
            return failure.trace, ""
        limit = self.settings.allowance.to_shrink(max(1, self.patience.waiting))
        self.patience.waiting -= 1
        small, note = failure.trace, ""
        try:
            shrunk = self._shrink(failure.trace, os.path.relpath(path, self.settings.home), limit)
            if shrunk is None:
                return failure.trace, ""
            small, note = shrunk.trace, describe(shrunk)
            self._note(failure, small, note)
            small.save(path)
        except DivergenceError as error:
            note = f"not shrunk, as it does not fail like that again: {error}"
            self._note(failure, small, note)
        except UsageError as error:
            return failure.trace, f"not shrunk: {error}"
        return small, note

    def _note(self, failure: Found, saved: Trace, note: str) -> None:
        done = not self.interrupted
        self.keeping.note(failure.trace, failure.signature, saved, done=done, note=note)

    def _shrink(self, trace: Trace, name: str, limit: timedelta | None) -> Shrunk | None:
        """Return the simplest run, or the simplest so far if Ctrl-C ended the search."""
        from simqueue.search.shrink.shrinker import shrink_further

        simplest: list[Shrunk | None] = [None]
        with shrink_bar(name, self.settings.shrink_runs) as show:
            try:
                with capturing(self.settings) as output:

                    def on_progress(shrunk: Shrunk) -> None:
                        simplest[0] = shrunk
                        with output.paused():
                            show(shrunk)

                    return shrink_further(
                        trace,
                        scenario=self.target.scenario,
                        budget_runs=self.settings.shrink_runs,
                        time_limit=limit,
                        on_progress=on_progress,
                    )
            except KeyboardInterrupt:
                self.patience.over = self.interrupted = True
                return simplest[0]

    # --- printing ---

    def _was_printed(self, file: _File) -> bool:
        """Return whether a failure's file was printed when saved failures were played."""
        return file.old and self._name(file) in {each.trace for each in self.saved}

    def _trace_in(self, file: _File, trace: Trace) -> Trace:
        """Return the trace of an old file, else the one that is given."""
        from simqueue.model.trace import Trace

        return Trace.load(file.path) if file.old and file.path is not None else trace

    def _print(self, failure: Found, trace: Trace, file: _File, remark: str) -> None:
        from simqueue.model.trace import seal
        from simqueue.report.story.story import render_story

        self.printed[failure.signature] = seal(trace).checksum
        story = render_story(trace, tail=STORY_TAIL)
        if file.old:
            remark = f"{remark}saved before: {self._name(file)}\n"
        tell(f"{story}\n{remark}Again: {self._again(failure, file)}\n\n")

    def _print_small(self, failure: Found, trace: Trace, file: _File, note: str) -> None:
        """Print the shrunk run of a failure, or one line if shrinking changed nothing."""
        from simqueue.model.trace import seal

        if self.printed.get(failure.signature) != seal(trace).checksum:
            self._print(failure, trace, file, f"{note}\n" if note else "")
        elif note:
            say(f"{self._name(file)}: {note}")

    def _name(self, file: _File) -> str | None:
        return None if file.path is None else os.path.relpath(file.path, self.settings.home)

    def _again(self, failure: Found, file: _File) -> str:
        """Return the command that replays a failure; without a file, one that plays its run."""
        from simqueue.search.target import as_word

        name = self._name(file)
        if name is not None:
            return replay_line(name, self.target.name, self.settings.home)
        if failure.strategy in _NOT_ALONE:
            state = os.path.relpath(self.settings.state, self.settings.home)
            return f"simqueue merge {shlex.quote(state)} --traces DIR"
        other = "" if failure.strategy == "random" else f" --strategy {failure.strategy}"
        target, options = as_word(self.target.name), self.settings.options
        return f"simqueue run {target} --seed {failure.trace.seed}{other}{options}"

    def _described(self, failure: Found, trace: Trace, file: _File) -> FoundFailure:
        from simqueue.report.story.story import render_story

        story = render_story(trace, tail=STORY_TAIL)
        return described(failure, trace, self._name(file), self._again(failure, file), story)


def described(
    failure: Found, trace: Trace, file: str | None, again: str, story: str
) -> FoundFailure:
    """Return a failure as a summary holds it."""
    outcome = trace.outcome.failure
    assert outcome is not None  # noqa: S101  only failed runs are collected
    return FoundFailure(
        signature=failure.signature,
        kind=outcome.kind,
        message=outcome.message,
        where=outcome.where,
        count=failure.count,
        number=failure.number,
        seed=trace.seed,
        strategy=failure.strategy,
        trace=file,
        again=again,
        story=story,
    )
