"""Replays choices by each worker's progress instead of by position.

The positions in a trace are those of the code that made it. An edit that adds one choice shifts all
later ones of its key. The progress of a worker, as its events show it, shifts less.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simqueue.choices.sources import NEVER, Among, Deviations, Recording, Values
from simqueue.model import events as e
from simqueue.model.choice import Choice, by_key
from simqueue.model.choice_key import (
    MOVED_BY_EDITS,
    ChoiceKind,
    parse_key,
    render_steps,
    spelled,
    word_of,
)
from simqueue.model.events import Entry
from simqueue.model.ids import StatementId

Milestone = tuple[str, str, str]
"""A worker, the type of its event, and the statement or the entrypoint of the event."""


class Progress:
    """How often each worker has passed each milestone, by the events so far."""

    def __init__(self) -> None:
        self._counts: Counter[Milestone] = Counter()
        self._last: dict[str, Milestone] = {}
        self._statements: dict[StatementId, str] = {}

    def see(self, entry: Entry) -> None:
        """Take in one event."""
        event = entry.event
        if isinstance(event, e.StatementSent):
            self._statements[event.statement] = event.name
        milestone = entry.worker, type(event).__name__, self._detail(event)
        self._counts[milestone] += 1
        self._last[entry.worker] = milestone

    def _detail(self, event: e.AnyEvent) -> str:
        statement = getattr(event, "statement", None)
        if statement is not None:
            return self._statements.get(statement, "")
        return str(getattr(event, "entrypoint", ""))

    def of(self, worker: str) -> Anchor | None:
        """Return the place that a worker has reached, None at its beginning."""
        milestone = self._last.get(worker)
        return None if milestone is None else Anchor(milestone, self._counts[milestone])

    def is_past(self, anchor: Anchor | None) -> bool:
        """Return whether a worker has reached a place."""
        return anchor is None or self._counts[anchor.milestone] >= anchor.count


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a worker's life: it had passed a milestone ``count`` times."""

    milestone: Milestone
    count: int


@dataclass(slots=True)
class _Awaited:
    """A choice not made yet; ``after`` are the places that its workers had reached by then."""

    choice: Choice
    after: tuple[Anchor | None, ...]


class Anchored:
    """A source that makes the choices of a trace once their workers have come as far."""

    def __init__(
        self,
        choices: Iterable[Choice],
        events: Iterable[Entry],
        kinds: Sequence[ChoiceKind] = MOVED_BY_EDITS,
    ) -> None:
        self._progress = Progress()
        self._kinds = kinds
        choices = sorted(choices, key=lambda choice: (choice.event, choice.at))
        self._rest = Recording(by_key(each for each in choices if not self._is_anchored(each.key)))
        self._awaited: dict[str, list[_Awaited]] = defaultdict(list)
        events = tuple(events)
        workers = {parse_key(spelled(entry.worker)).process: entry.worker for entry in events}
        seen, log = Progress(), iter(events)
        number = 0
        for choice in choices:
            while number < choice.event:
                seen.see(next(log))
                number += 1
            if self._is_anchored(choice.key):
                key = parse_key(choice.key)
                keys = (key, parse_key(choice.about)) if key.kind == "order" else (key,)
                after = tuple(seen.of(_worker(each.process, workers)) for each in keys)
                self._awaited[choice.key].append(_Awaited(choice, after))

    def _is_anchored(self, key: str) -> bool:
        return word_of(key).kind in self._kinds

    def see(self, number: int, entry: Entry) -> None:
        """Count one event of the run; pass this method to ``run`` as ``watch``."""
        self._progress.see(entry)

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``."""
        awaited = self._awaited.get(key)
        if awaited is None:
            return self._rest.deviations(key)
        return _AnchoredDeviations(awaited, self._progress)

    def values(self, key: str) -> Values:
        """Begin the values of ``key``, which are replayed by position."""
        return self._rest.values(key)


class _AnchoredDeviations:
    __slots__ = ("_awaited", "_progress")

    def __init__(self, awaited: list[_Awaited], progress: Progress) -> None:
        self._awaited, self._progress = awaited, progress

    def gap(self) -> int:
        return 0 if self._awaited else NEVER

    def after_gap(self, n: int, among: Among) -> int:
        for index, awaited in enumerate(self._awaited):
            if all(map(self._progress.is_past, awaited.after)):
                value = _value(awaited.choice, n, among)
                if value:
                    del self._awaited[index]
                    return value
        return 0


def _worker(actor: str, workers: Mapping[str, str]) -> str:
    """Return the worker that a process or a connection belongs to."""
    return workers.get(actor) or workers.get(actor.rpartition(".")[0], "")


def _value(choice: Choice, n: int, among: Among) -> int:
    """Return what the choice is among these options, 0 if it is none of them."""
    options = among.options()
    if len(options) > 1:
        return next((i for i in range(1, n) if render_steps(among.steps(i)) == choice.about), 0)
    same = not options or render_steps(among.steps(0)) == choice.about
    return min(choice.value, n - 1) if same else 0
