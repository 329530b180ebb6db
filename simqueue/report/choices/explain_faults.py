"""Explains choices of faults: the effect of a fault, and its moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.fault import FAULT_OF, Fault
from simqueue.model.ids import MICROSECONDS
from simqueue.report.choices.choice_context import Case
from simqueue.report.effects import few, listed
from simqueue.report.log_index import Numbered, Passage
from simqueue.report.units import span
from simqueue.report.words import called

Explained = tuple[int, str]
"""The instant at which the fault occurred, and its effect."""

_ONCE_MORE = "once more"
_VICTIMS_SHOWN = 4


def explain_strike(case: Case) -> Explained:
    """Return the effect of a fault; it occurs some time after it was chosen, or never."""
    word = case.key.word
    if word.is_each_second:
        return _timed(case, word.fault)
    if word.row is None or word.row.around_statements:
        return _aimed(case, word.fault)
    strike = next(_strikes(case, word.fault), None)
    if strike is None or strike[1].at != case.choice.at:
        return case.choice.at, _in_vain(case, word.fault)
    return case.choice.at, _explain_at_once(case, word.row, strike)


def _explain_at_once(case: Case, fault: Fault, strike: Numbered) -> str:
    """Return the effect of a fault of a statement, a message or a connection."""
    match fault.effect:
        case "refuse":
            return _refused(case, strike)
        case "reject":
            return _rejected(case, strike)
        case "disconnect":
            return _disconnected(case, strike)
        case "slow":
            return _slow(case, strike)
        case "hold-up":
            return _held_up(case, strike)
        case "kill" | "stop" | "pause" | "set-clock" | "restart-server" | "crash-server":
            return _struck(case, strike, "")
        case effect:
            assert_never(effect)


def _strikes(case: Case, fault: str) -> Iterator[Numbered]:
    """Yield the events of a kind of fault since the choice."""
    for number, entry in case.course.strikes.get(fault, ()):
        again = getattr(entry.event, "detail", "") == _ONCE_MORE
        if number >= case.choice.event and not again:
            yield number, entry


def _in_vain(case: Case, fault: str) -> str:
    known = FAULT_OF.get(fault)
    noun = fault if known is None else known.noun
    return f"{noun} has no effect: {called(case.process)} is down or spared by then"


# --- faults that occur some time after the choice ---------------------------------------------


def _timed(case: Case, fault: str) -> Explained:
    """Explain a fault that occurs within the second after its choice."""
    for number, entry in _strikes(case, fault):
        if entry.at > case.choice.at + MICROSECONDS:
            break
        fits = entry.worker == case.process and number not in case.claimed
        if fits and _statement_of(entry) is None:
            case.claimed.add(number)
            return entry.at, _struck(case, (number, entry), "")
    return case.choice.at, _in_vain(case, fault)


def _aimed(case: Case, fault: str) -> Explained:
    """Explain a fault that occurs to a worker around a statement."""
    passage = case.passage(lambda passage: passage.executed)
    for number, entry in _strikes(case, fault):
        if passage is not None and _statement_of(entry) == passage.number:
            where = f", {_in_relation(number, entry, passage)}"
            return entry.at, _struck(case, (number, entry), where)
    return case.choice.at, _in_vain(case, fault)


def _statement_of(strike: Entry) -> int | None:
    event = strike.event
    return event.statement if isinstance(event, e.FaultStruck) else None


def _in_relation(number: int, strike: Entry, passage: Passage) -> str:
    """Return how far a statement had come when a fault occurred."""
    ended, replied = passage.ended, passage.replied
    if replied is not None and replied[0] < number:
        later = strike.at - replied[1].at
        when = f"{span(later)} after" if later else "right after"
        return f"{when} the reply to {passage.own}"
    did = "failed" if ended and isinstance(ended[1].event, e.StatementFailed) else "committed"
    if ended is not None and ended[0] < number:
        return f"after {passage.own} {did} and before the reply got there"
    return f"before {passage.own} {did}"


def _struck(case: Case, strike: Numbered, where: str) -> str:
    """Return the effect of a fault of a worker, one of its connections, or the server."""
    number, entry = strike
    worker, where = entry.worker, f"{case.busy(entry.worker, number)}{where}"
    follows = next((each for _, each in case.course.since(number + 1)), entry)
    fault = _fault_of(entry)
    match None if fault is None else fault.effect:
        case "kill":
            return f"{worker} is killed{where}"
        case "stop":
            return f"{worker} is asked to stop{where}"
        case "pause" if isinstance(follows.event, e.WorkerPaused):
            return _paused(case, strike, follows.event.duration, where)
        case "set-clock" if isinstance(follows.event, e.ClockSet):
            offset = follows.event.offset
            ahead = "ahead of" if offset >= 0 else "behind"
            return f"{worker}'s clock is set {span(abs(offset))} {ahead} the others'{where}"
        case "restart-server" | "crash-server":
            clause = "" if fault is None else fault.clause
            return f"{clause}{_emptied(follows)}{_broken(case, number)}"
        case "pause" | "set-clock" | "disconnect" | "refuse" | "reject" | "slow" | "hold-up" | None:
            return f"{worker}'s connection breaks{where}{_with_it(case, strike)}"
        case effect:
            assert_never(effect)


def _fault_of(strike: Entry) -> Fault | None:
    """Return the kind of a fault that the log holds; None if it is of no known kind."""
    return FAULT_OF.get(strike.event.fault) if isinstance(strike.event, e.FaultStruck) else None


def _paused(case: Case, strike: Numbered, duration: int, where: str) -> str:
    number, entry = strike
    others = case.between((entry.at, number), entry.at + duration - 1)
    meanwhile = f"; meanwhile: {listed(others)}" if others else ""
    return f"{entry.worker} is paused for {span(duration)}{where}{meanwhile}"


def _with_it(case: Case, strike: Numbered) -> str:
    """Return which statement was lost with a connection."""
    number, entry = strike
    for _, other in case.course.since(number):
        if isinstance(other.event, e.ConnectionLost) and other.worker == entry.worker:
            passage = case.course.passage_of(other)
            return "" if passage is None else f", and {passage.own} gets no reply"
    return ""


def _emptied(follows: Entry) -> str:
    if not isinstance(follows.event, e.ServerCrashed):
        return ""
    return f", {listed(follows.event.emptied) or 'no table'} being empty"


def _broken(case: Case, number: int) -> str:
    """Return whose connections broke with the server."""
    victims: dict[str, None] = {}
    for _, entry in case.course.since(number + 2):
        if not isinstance(entry.event, (e.ConnectionLost, e.Listening, e.NotificationDropped)):
            break
        victims[entry.worker] = None
    return f"; the connections of {few(list(victims), _VICTIMS_SHOWN)} break" if victims else ""


# --- faults that occur at their choice: of statements, messages and connections ----------------


def _refused(case: Case, strike: Numbered) -> str:
    detail = getattr(strike[1].event, "detail", "")
    return f"the server refuses {strike[1].worker} a connection ({detail})"


def _passage_of(case: Case, strike: Numbered) -> Passage | None:
    statement = getattr(strike[1].event, "statement", None)
    return None if statement is None else case.course.statements.get(statement)


def _rejected(case: Case, strike: Numbered) -> str:
    passage = _passage_of(case, strike)
    ended = None if passage is None else passage.ended
    if passage is None or ended is None or not isinstance(ended[1].event, e.StatementFailed):
        return f"a statement of {strike[1].worker} is rejected"
    error = f"{ended[1].event.sqlstate} {ended[1].event.message}"
    follows = next((each for _, each in case.course.since(ended[0] + 1)), None)
    gone = follows is not None and isinstance(follows.event, (e.ConnectionLost, e.Listening))
    title = f"{passage.title} (statement {passage.number})"
    lost = f", and its connection breaks{case.busy(passage.worker, strike[0])}"
    return f"{title} is rejected: {error}{lost if gone else ''}"


def _disconnected(case: Case, strike: Numbered) -> str:
    passage, worker = _passage_of(case, strike), strike[1].worker
    if passage is None:
        return f"{worker} loses a connection"
    busy = case.busy(worker, strike[0])
    breaks = f"{worker}'s connection breaks{busy}{',' if busy else ''}"
    if passage.executed is None:
        return f"{breaks} before {passage.own} arrives"
    return f"{breaks} between {passage.own} and the reply: {worker} cannot know how that ended"


def _slow(case: Case, strike: Numbered) -> str:
    passage, detail = _passage_of(case, strike), getattr(strike[1].event, "detail", "")
    late, to = _late(detail), "begin" if detail.endswith("to begin") else "commit"
    if passage is None:
        return f"a statement of {strike[1].worker} takes {span(late)} to {to}"
    until = passage.executed if to == "begin" else passage.ended
    until = until or passage.replied  # a LISTEN has nothing to execute
    if until is not None and until[1].at == strike[1].at:
        return f"{passage.full} would take {span(late)} to commit, if it had anything to"
    takes = f"{passage.full} takes {span(late)} to {to}"
    alone = f"{takes}, during which its connection carries nothing else"
    if until is None:
        others = case.between((strike[1].at, strike[0]), case.end, besides=passage)
        meanwhile = f"; meanwhile: {listed(others)}" if others else ""
        return f"{alone}, and is not done when the run ends{meanwhile}"
    return f"{alone}{case.after(strike[1].at - 1, until[1].at, before=until[0], besides=passage)}"


def _late(detail: str) -> int:
    """Return the length in the detail of a fault, in microseconds."""
    return round(float(detail.partition(" ")[0]) * MICROSECONDS)


def _held_up(case: Case, strike: Numbered) -> str:
    number, entry = strike
    late = _late(getattr(entry.event, "detail", ""))
    held_up = f"what the server sends to {called(entry.worker)} is held up for {span(late)}"
    calm = entry.at + case.hop
    for place, other in case.course.since(number):
        if _was_under_way(other, entry.worker, number) and other.at > calm:
            after = case.after(calm, calm + late, before=place)
            return f"{held_up}{after}; only then it {case.course.clause(other)}"
    return held_up


def _was_under_way(entry: Entry, worker: str, number: int) -> bool:
    event = entry.event
    delivered = isinstance(event, e.NotificationDelivered) and event.sent < number
    return delivered and entry.worker == worker
