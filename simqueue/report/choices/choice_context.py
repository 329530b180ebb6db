"""A case: one choice that was not calm, to be explained from the run it was made in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from simqueue.model.choice import Choice
from simqueue.model.choice_key import ChoiceKey, parse_key
from simqueue.model.config import Config
from simqueue.model.delays import ladder
from simqueue.report.choices.concurrent import render_meanwhile, subjects_of_statement
from simqueue.report.effects import few, listed
from simqueue.report.log_index import Course, Numbered, Passage, Subject
from simqueue.report.words import called

_US = timedelta(microseconds=1)
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Case:
    """A choice, the run it was made in, and the jobs and schedules that the run's end is about."""

    course: Course
    config: Config
    choice: Choice
    about: frozenset[Subject]
    claimed: set[int]

    @property
    def key(self) -> ChoiceKey:
        """The key of the choice, parsed."""
        return parse_key(self.choice.key)

    @property
    def process(self) -> str:
        """The name of the process whose choice it is, without that of its thread."""
        return self.course.name_of(self.key.process)

    def ladder(self, longest: timedelta) -> int:
        """Return the delay that was picked from the ladder up to so much."""
        rungs = ladder(longest // _US)
        return rungs[min(self.choice.value, len(rungs) - 1)]

    def between(
        self,
        since: tuple[int, int],
        until: int,
        *,
        before: int | None = None,
        besides: Passage | None = None,
    ) -> list[str]:
        """Return what went on since an instant and an entry, until an instant and an entry."""
        about = self.about if besides is None else self.about | subjects_of_statement(besides)
        end = until, _NEVER if before is None else before
        return render_meanwhile(self.course, since, end, besides=besides, about=about)

    def after(
        self, calm: int, until: int, *, before: int | None = None, besides: Passage | None = None
    ) -> str:
        """Say what came in between, ``", after ..."``."""
        said = self.between((calm, self.choice.event), until, before=before, besides=besides)
        return f", after {listed(said)}" if said else "; nothing else happens meanwhile"

    def sequel(self, after: str, passage: Passage) -> str:
        """Say what had to wait for a statement's reply, if something came in between."""
        follows = self.course.sequel(passage) if after.startswith(", after") else None
        if follows is None:
            return ""
        return f"; only then {called(follows.worker)} {self.course.clause(follows)}"

    def busy(self, worker: str, number: int) -> str:
        """Return what a worker runs at an entry, ``" while it runs job 3 (charge)"``, or ``""``."""
        running = self.course.running(worker, number)
        running.sort(key=lambda each: each[0] not in self.about)
        return f" while it runs {few([said for _, said in running])}" if running else ""

    def passage(self, open_at: Callable[[Passage], Numbered | None]) -> Passage | None:
        """Return the statement of the choice: the last that was sent before it, and is not so far.

        ``open_at`` returns the entry at which a statement has come so far.
        """
        event, key = self.choice.event, self.key
        for passage in self.course.sent_over(key.asker, key.statement, event):
            reached = open_at(passage)
            if reached is None or reached[0] >= event:
                return passage
        return None

    @property
    def end(self) -> int:
        """The last instant of the log."""
        return self.course.entries[-1].at if self.course.entries else 0

    @property
    def hop(self) -> int:
        """How many microseconds a message takes when calm."""
        return self.config.hop // _US
