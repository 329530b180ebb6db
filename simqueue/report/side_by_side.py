"""Side by side: two runs in two columns from the event on at which they part.

An event of both runs has one line, even if its time differs. Only events about the jobs, schedules
and workers of the failure are shown, and sequences of common events are folded.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import Instant
from simqueue.model.trace import Trace
from simqueue.report.effects import listed
from simqueue.report.lines import is_routine
from simqueue.report.log_index import Course, Numbered
from simqueue.report.sentence import sentence
from simqueue.report.story.participants import Involved, involved_in
from simqueue.report.story.timeline import matters, say
from simqueue.report.subjects import subjects_of
from simqueue.report.units import moment
from simqueue.report.words import called, statement_words

_GAP = " | "
_NARROWEST = 24
_SUBJECTS = 3
_ROWS = 44
_LAST_ROWS = 24
_CELLS = 1000
"""Of a longer column only its two ends are compared: the middle would not be shown anyway."""

_ALIKE_SHOWN = 3
_CHANGING = re.compile(r"[+-]\d+\.\d{6}s|[\d.]+ (?:us|ms|s)\b|statement \d+|#\d+")
"""Parts that may differ between equal events: times, numbers of statements and events."""

_ENDINGS = (e.JobLogged, e.JobDeleted, e.ScheduleReleased, e.ScheduleDeleted)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs, and the heading of its column."""

    title: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class _Cell:
    at: int
    text: str
    gist: str


_Row = tuple[_Cell | None, _Cell | None]


def render_side_by_side(one: Side, other: Side, parted: int, width: int) -> str:
    """Return two columns of what happened since event ``parted``, to the failure on one side.

    Args:
        one: the left column.
        other: the right one.
        parted: the number of the first event that the runs do not share.
        width: how many characters a line may have.
    """
    column = max(_NARROWEST, (width - len(_GAP)) // 2)
    involved = _involved(one.trace, other.trace)
    horizon = _horizon(one.trace, other.trace)
    cells = [_cells(side.trace, parted, involved, horizon) for side in (one, other)]
    rows = _rows(*cells)
    if len(rows) > _ROWS:
        left_out = len(rows) - _ROWS
        rows[_ROWS - _LAST_ROWS : -_LAST_ROWS] = [f"... {left_out} more lines"]
    rule = _line("-" * column, "-" * column, column)
    lines = [*_wrapped(one.title, other.title, column), rule]
    for row in rows:
        lines += [row.center(width).rstrip()] if isinstance(row, str) else _lines(row, column)
    lines += [rule, *_wrapped(_end(one.trace), _end(other.trace), column)]
    return "\n".join([_about(involved), *lines]) + "\n"


def render_event(trace: Trace, number: int) -> str:
    """Return an event in one line, statements by what they are and do."""
    return _cell(Course(trace.events), number, trace.events[number]).text


def _involved(one: Trace, other: Trace) -> Involved:
    """Return the participants of either failure; of many jobs only the first ones."""
    both = [involved_in(one), involved_in(other)]
    subjects = dict.fromkeys(each for involved in both for each in involved.subjects)
    workers = dict.fromkeys(each for involved in both for each in involved.workers)
    return Involved(tuple(subjects)[:_SUBJECTS], tuple(workers))


def _about(involved: Involved) -> str:
    """Return a line that says what the columns leave out."""
    shown = [f"{noun} {number}" for noun, number in involved.subjects] + list(involved.workers)
    if not shown:
        return "From there on, without routine events:"
    return f"From there on, of {listed(shown)} alone:"


def _horizon(one: Trace, other: Trace) -> int | None:
    """Return when the first failure came, None if none did."""
    ends = [each.outcome.simulated for each in (one, other) if not each.outcome.passed]
    return min(ends, default=None)


# --- which entries ------------------------------------------------------------------------------


def _cells(trace: Trace, parted: int, involved: Involved, horizon: int | None) -> list[_Cell]:
    course = Course(trace.events)
    chosen = list(_chosen(trace, parted, involved, horizon))
    if len(chosen) > _CELLS:
        chosen[_CELLS // 2 : -_CELLS // 2] = []
    lives = _lives(trace)
    return [
        replace(cell, gist=f"{cell.gist} {lives[number]}")
        for number, cell in ((number, _cell(course, number, entry)) for number, entry in chosen)
    ]


def _lives(trace: Trace) -> list[int]:
    """Return of each entry's worker how often it had been started: another life, another story."""
    lives, incarnations = Counter[str](), list[int]()
    for entry in trace.events:
        lives[entry.worker] += isinstance(entry.event, e.WorkerStarted)
        incarnations.append(lives[entry.worker])
    return incarnations


def _cell(course: Course, number: int, entry: Entry) -> _Cell:
    sentence = course.plain(_sentence(course, number, entry))
    return _Cell(entry.at, f"#{number} {moment(entry.at)} {sentence}", _CHANGING.sub("", sentence))


def _sentence(course: Course, number: int, entry: Entry) -> str:
    """Return the sentence of an entry; statements are named by their kind and effect."""
    event, passage = entry.event, course.passage_of(entry)
    if isinstance(event, e.StatementFailed) and passage is not None:
        name = f"{statement_words(passage.name)} (statement {event.statement})"
        return f"{called(entry.worker)} has its {name} rejected: {event.sqlstate} {event.message}"
    if is_routine(event) or isinstance(event, e.StatementHeld):
        return sentence(course, entry)
    return f"{called(entry.worker)} {say(course, number)}"


def _chosen(
    trace: Trace, parted: int, involved: Involved, horizon: int | None
) -> Iterator[Numbered]:
    """Yield the entries to show: the first that differs, and those about the participants."""
    owed = set(involved.subjects)
    for number, entry in enumerate(trace.events[parted:], parted):
        late = horizon is not None and trace.outcome.passed and entry.at > horizon
        about = owed.intersection(subjects_of(entry.event))
        if late and not owed:
            break
        if late and isinstance(entry.event, _ENDINGS):
            owed -= about
        if _is_the_end(entry, trace):
            break
        if number == parted or (_is_shown(entry, involved) and (about or not late)):
            yield number, entry


def _is_shown(entry: Entry, involved: Involved) -> bool:
    if is_routine(entry.event):
        return False
    return matters(entry, involved) or not (involved.subjects or involved.workers)


def _is_the_end(entry: Entry, trace: Trace) -> bool:
    """Return whether an entry says what the last line of the column says."""
    failure = trace.outcome.failure
    if failure is None or not isinstance(entry.event, e.InvariantBroken):
        return False
    return entry.event.message == failure.message


def _end(trace: Trace) -> str:
    failure, at = trace.outcome.failure, moment(Instant(trace.outcome.simulated))
    return (
        f"passes (its end is at {at})" if failure is None else f"FAILS at {at}: {failure.message}"
    )


# --- rows -----------------------------------------------------------------------------------------


def _rows(one: Sequence[_Cell], other: Sequence[_Cell]) -> list[_Row | str]:
    """Return all rows; the first has the event of each run where they part."""
    first: list[_Row | str] = [(one[0], other[0])] if one and other else []
    skipped = len(first)
    return [*first, *_folded(list(_aligned(one[skipped:], other[skipped:])))]


def _aligned(one: Sequence[_Cell], other: Sequence[_Cell]) -> Iterator[_Row]:
    """Yield rows: events of both runs in one row, the others ordered by time."""
    gists = [cell.gist for cell in one], [cell.gist for cell in other]
    for _, low, high, start, stop in SequenceMatcher(None, *gists, autojunk=False).get_opcodes():
        left, right = one[low:high], other[start:stop]
        if gists[0][low:high] == gists[1][start:stop]:
            yield from zip(left, right, strict=True)
            continue
        apart: list[_Row] = [*((cell, None) for cell in left), *((None, cell) for cell in right)]
        yield from sorted(apart, key=_when)


def _when(row: _Row) -> int:
    cell = row[0] or row[1]
    assert cell is not None  # noqa: S101  a row has one of them
    return cell.at


def _folded(rows: Sequence[_Row]) -> Iterator[_Row | str]:
    """Yield rows; of a long sequence of common rows, the first and the last."""
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and None not in rows[end]:
            end += 1
        if end - start > _ALIKE_SHOWN:
            yield rows[start]
            yield f"... {end - start - 2} more that both have"
            yield rows[end - 1]
        else:
            yield from rows[start:end]
        if end < len(rows):
            yield rows[end]
        start = end + 1


# --- text -----------------------------------------------------------------------------------------


def _lines(row: _Row, column: int) -> list[str]:
    left, right = ("" if cell is None else cell.text for cell in row)
    return _wrapped(left, right, column)


def _wrapped(left: str, right: str, column: int) -> list[str]:
    ours, theirs = _wrap(left, column), _wrap(right, column)
    height = max(len(ours), len(theirs))
    ours += [""] * (height - len(ours))
    theirs += [""] * (height - len(theirs))
    return [_line(*each, column) for each in zip(ours, theirs, strict=True)]


def _wrap(text: str, column: int) -> list[str]:
    plain = " ".join(text.split())
    return textwrap.wrap(plain, column, subsequent_indent="    ", break_on_hyphens=False)


def _line(left: str, right: str, column: int) -> str:
    return f"{left:<{column}}{_GAP}{right}".rstrip()
