"""The last statements of the workers that a failure is about, and the server's replies."""

from __future__ import annotations

from collections import Counter

from simqueue.model import events as e
from simqueue.report.effects import listed
from simqueue.report.lines import render_line
from simqueue.report.log_index import Course, Passage
from simqueue.report.story.participants import Involved
from simqueue.report.units import moment
from simqueue.report.words import SCHEMA_CHECKS, statement_words

_DEEDS_TOLD = 4
_ROUTINE = frozenset(SCHEMA_CHECKS) | {"notify", "listen", "unlisten", "connect"}


def render_last_actions(course: Course, involved: Involved) -> str:
    """Return the last statements of each worker, and its last one of each kind."""
    lines = dict[int, str]()
    for worker in involved.workers:
        lines |= _last_of(course, worker)
    if not lines:
        return ""
    title = f"The last statements of {listed(list(involved.workers))}, with their replies:"
    return course.plain("\n".join([title, *(lines[number] for number in sorted(lines))]))


def _last_of(course: Course, worker: str) -> dict[int, str]:
    """Return lines by their entries' numbers."""
    deeds, asked, times = dict[int, str](), dict[str, Passage](), Counter[str]()
    for number, entry in enumerate(course.entries):
        if entry.worker != worker:
            continue
        match entry.event:  # partial: most events do not matter here
            case e.StatementSent(statement, _, name) if name not in _ROUTINE:
                passage = course.statements[statement]
                if _is_idle(passage):
                    asked[name] = passage
                    times[name] += 1
                else:
                    deeds[number] = _sent(passage)
            case e.NotificationDelivered(_, sent):
                if isinstance(course.entries[sent].event, e.TableChanged):
                    deeds[number] = render_line(number, entry, course.clause(entry))
    last = dict(list(deeds.items())[-_DEEDS_TOLD:])
    for name, passage in asked.items():
        last[passage.sent[0]] = _sent(passage, times[name])
    return last


def _is_idle(passage: Passage) -> bool:
    """Return whether a statement was answered and changed nothing, as an idle worker's does."""
    return passage.replied is not None and not passage.did


def _sent(passage: Passage, times: int = 1) -> str:
    again = f", the last of {times}" if times > 1 else ""
    what = f"sends its {statement_words(passage.name)}{again}{_fate(passage)}"
    return render_line(*passage.sent, what)


def _fate(passage: Passage) -> str:
    """Return how a statement ended."""
    if passage.ended is None:
        held = passage.executed is not None
        return f", which is {'not committed' if held else 'not executed'} when the run ends"
    executed, ended = passage.executed or passage.ended, passage.ended
    fate = f", executed at {moment(executed[1].at)}"
    if executed[1].at < ended[1].at:
        fate += f" and committed at {moment(ended[1].at)}"
    result = passage.result or passage.answer
    fate += f": {result}" if result else ""
    return fate if passage.replied else f"{fate}; it has no reply when the run ends"
