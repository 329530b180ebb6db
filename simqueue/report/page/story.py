"""The top of the page: how and where the run ended, and its deviations."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from simqueue.model import events as e
from simqueue.model.choice_key import KINDS, word_of
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.model.ids import EntryNumber
from simqueue.model.trace import Trace
from simqueue.report.choices.explain_choices import Deviation, explain_deviations
from simqueue.report.log_index import Course, Subject
from simqueue.report.story.participants import involved_in
from simqueue.report.story.story import DEVIATIONS_SHOWN, render_story
from simqueue.report.units import moment

_NUMBERED = re.compile(r"#(\d{1,12})\b")
_LINE_OF_EVENT = re.compile(r"^ *#(\d{1,12}) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Deviated:
    """A deviation: when, the event that first shows it, and its effect if it is explained."""

    at: int
    event: int
    moment: str
    text: str


@dataclass(frozen=True, slots=True)
class PageStory:
    """A run's story in parts, and the events that it is about."""

    text: list[tuple[str, int | None]]
    """The whole story as pieces; some are the number of an event."""
    failure: EntryNumber | None
    """The event that says what failed, or after which it failed."""
    stated: bool
    """Whether that event says so."""
    deviations: list[Deviated]
    involved: list[Subject]
    named: list[int]

    @property
    def explained(self) -> bool:
        """Whether deviations are few enough to be explained one by one."""
        return len(self.deviations) <= DEVIATIONS_SHOWN


def page_story(trace: Trace, again: str | None, course: Course | None = None) -> PageStory:
    """Return a run's story and the events it is about; ``course`` is the index of the log."""
    course = course or Course(trace.events)
    failure = trace.outcome.failure
    involved = list(involved_in(trace).subjects)
    text, size = render_story(trace, again=again, course=course), len(trace.events)
    # The story's tail is the end of any log; only the names before it matter.
    names = _LINE_OF_EVENT.findall(render_story(trace, again=again, tail=1, course=course))
    failing = None if failure is None else _failing(trace.events, failure)
    return PageStory(
        text=list(_pieces(text, size)),
        failure=failing,
        stated=failing is not None and _says(trace.events[failing].event, failure),
        deviations=_deviations(trace, frozenset(involved)),
        involved=involved,
        named=sorted({int(number) for number in names if int(number) < size}),
    )


def _pieces(text: str, size: int) -> list[tuple[str, int | None]]:
    """Return a text in pieces: ``#12`` is one that leads to event 12."""
    pieces: list[tuple[str, int | None]] = []
    end = 0
    for mark in _NUMBERED.finditer(text):
        if int(mark[1]) < size:
            pieces += [(text[end : mark.start()], None), (mark[0], int(mark[1]))]
            end = mark.end()
    return [*pieces, (text[end:], None)]


def _deviations(trace: Trace, about: frozenset[Subject]) -> list[Deviated]:
    if not trace.events:
        return []
    if len(trace.choices) > DEVIATIONS_SHOWN:  # to explain each of them would take long
        deviations = [Deviation(choice.at, choice, "") for choice in trace.choices]
    else:
        deviations = explain_deviations(trace, about)
    return [
        Deviated(each.at, _shown_by(trace.events, each), moment(each.at), each.text)
        for each in deviations
    ]


def _shown_by(entries: Sequence[Entry], deviation: Deviation) -> int:
    """Return the event of a late message; for other choices the first event since."""
    event, at = deviation.choice.event, deviation.at
    last = min(event, len(entries)) - 1
    if (
        KINDS[word_of(deviation.choice.key).kind].of_message
        and last >= 0
        and entries[last].at == at
    ):
        return last  # it is sent, and then its way is chosen
    first = bisect_left(entries, at, key=lambda entry: entry.at)
    return min(max(first, event), len(entries) - 1)


def _failing(entries: Sequence[Entry], failure: Failure) -> EntryNumber | None:
    """Return the last event with the failure's message; else the last event of all."""
    for number in range(len(entries) - 1, -1, -1):
        if _says(entries[number].event, failure):
            return EntryNumber(number)
    return EntryNumber(len(entries) - 1) if entries else None


def _says(event: e.AnyEvent, failure: Failure | None) -> bool:
    if failure is None:
        return False
    match event:  # partial: most events do not matter here
        case e.InvariantBroken():
            return event.signature == failure.signature
        case e.HandlerRaised(_, error) | e.WorkerExited(error) if failure.kind == "exception":
            return bool(error) and error == failure.message
        case _:
            return False
