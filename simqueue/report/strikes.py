"""Strikes: what a fault that was picked befell, and at which moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simqueue.model import events as e
from simqueue.model.choice import kind_of
from simqueue.model.events import Entry
from simqueue.model.ids import MICROSECONDS
from simqueue.report.case import Case
from simqueue.report.course import Numbered, Passage
from simqueue.report.deeds import few, listed
from simqueue.report.words import span, words

Explained = tuple[int, str]
"""When it struck, and what it did."""

_ONCE_MORE = "once more"
_VICTIMS_SHOWN = 4


def explain_strike(case: Case) -> Explained:
    """Say what a fault befell; it strikes some time after it was picked, or never."""
    fault, _, befallen = kind_of(case.choice.key).partition(":")[2].partition("/")
    explain = _AT_ONCE.get(fault)
    if befallen == "second" or explain is None:
        return _of_worker(case, fault, timed=befallen == "second")
    found = next(_strikes(case, fault), None)
    if found is None or found[1].at != case.choice.at:
        return case.choice.at, _in_vain(case, fault)
    return case.choice.at, explain(case, found)


def _strikes(case: Case, fault: str) -> Iterator[Numbered]:
    """Yield what the log tells of a fault's strikes since the pick."""
    for number, entry in case.course.since(case.choice.event):
        match entry.event:
            case e.FaultStruck(struck, detail) if struck == fault and detail != _ONCE_MORE:
                yield number, entry


def _in_vain(case: Case, fault: str) -> str:
    what = _NAMES.get(fault, fault)
    return (
        f"{what} for {case.process} comes to nothing: what it was for is gone, or faults are over"
    )


# --- what befalls a worker or the server some time after the pick -------------------------------


def _of_worker(case: Case, fault: str, *, timed: bool) -> Explained:
    passage = None if timed else case.passage(lambda passage: passage.executed)
    victim = case.process if passage is None else passage.worker
    for number, entry in _strikes(case, fault):
        if timed and entry.at > case.choice.at + MICROSECONDS:
            break
        if entry.worker == victim and number not in case.claimed and _is_bare(entry):
            case.claimed.add(number)
            where = "" if passage is None else _in_relation(number, entry, passage)
            return entry.at, _struck(case, (number, entry)) + where
    return case.choice.at, _in_vain(case, fault)


def _is_bare(entry: Entry) -> bool:
    return isinstance(entry.event, e.FaultStruck) and entry.event.statement is None


def _in_relation(number: int, strike: Entry, passage: Passage) -> str:
    """Say how far a statement had come when a fault struck."""
    ended, replied = passage.ended, passage.replied
    if replied is not None and replied[0] < number:
        later = strike.at - replied[1].at
        when = f"{span(later)} after" if later else "right after"
        return f", {when} the reply to {passage.full}"
    if ended is not None and ended[0] < number:
        return f", after {passage.full} ended and before the reply got there"
    return f", before {passage.full} ended"


def _struck(case: Case, strike: Numbered) -> str:
    number, entry = strike
    running = case.course.running(entry.worker, number)
    busy = f" while it runs {running}" if running else ""
    follows = next((each for _, each in case.course.since(number + 1)), None)
    said = "" if follows is None else words(follows.event)
    match entry.event:
        case e.FaultStruck("crash"):
            return f"{entry.worker} is killed{busy}"
        case e.FaultStruck("stop"):
            return f"{entry.worker} is told to stop{busy}"
        case e.FaultStruck("restart-server" | "crash-server" | "fail-over" as fault):
            return f"{_SERVER[fault]}{_emptied(follows)}{_broken(case, number)}"
        case e.FaultStruck("pause"):
            return f"{entry.worker} {said}{busy}{_meanwhile(case, strike, follows)}"
        case _:
            return f"{entry.worker} {said}{busy}"


def _meanwhile(case: Case, strike: Numbered, pause: Entry | None) -> str:
    number, entry = strike
    if pause is None or not isinstance(pause.event, e.WorkerPaused):
        return ""
    said = case.between((entry.at, number), entry.at + pause.event.duration)
    return f"; meanwhile: {listed(said)}" if said else ""


def _emptied(follows: Entry | None) -> str:
    if follows is None or not isinstance(follows.event, e.ServerCrashed):
        return ""
    return f", and empty is {', '.join(follows.event.emptied) or 'no table'}"


def _broken(case: Case, number: int) -> str:
    """Say whose connections broke with the server."""
    victims: dict[str, None] = {}
    for _, entry in case.course.since(number + 2):
        if not isinstance(entry.event, (e.ConnectionLost, e.Listening, e.NotificationDropped)):
            break
        victims[entry.worker] = None
    return f"; the connections of {few(list(victims), _VICTIMS_SHOWN)} break" if victims else ""


# --- what befalls a statement, a message or a connection at once ---------------------------------


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
    said = f"{ended[1].event.sqlstate} {ended[1].event.message}"
    follows = next((each for _, each in case.course.since(ended[0] + 1)), None)
    gone = follows is not None and isinstance(follows.event, (e.ConnectionLost, e.Listening))
    title = f"{passage.title} (statement {passage.number})"
    return f"{title} is rejected: {said}" + (", and its connection breaks" if gone else "")


def _disconnected(case: Case, strike: Numbered) -> str:
    passage, worker = _passage_of(case, strike), strike[1].worker
    if passage is None:
        return f"{worker} loses a connection"
    if passage.executed is None:
        return f"{worker}'s connection breaks before {passage.full} arrives"
    unknown = f"{worker} cannot know that it is done"
    return f"{worker}'s connection breaks after {passage.full} committed: {unknown}"


def _slow(case: Case, strike: Numbered) -> str:
    passage, detail = _passage_of(case, strike), getattr(strike[1].event, "detail", "")
    if passage is None:
        return f"a statement of {strike[1].worker} takes {detail}"
    said = f"{passage.full} takes {detail}"
    until = passage.executed if detail.endswith("to begin") else passage.ended
    alone = f"{said}, during which its connection carries nothing else"
    if until is None:
        said = case.between((strike[1].at, strike[0]), case.end, besides=passage)
        meanwhile = f"; meanwhile: {listed(said)}" if said else ""
        return f"{alone}, and is not done when the run ends{meanwhile}"
    return f"{alone}{case.after(strike[1].at, until[1].at, before=until[0], besides=passage)}"


def _held_up(case: Case, strike: Numbered) -> str:
    number, entry = strike
    detail = getattr(entry.event, "detail", "")
    said = f"what the server sends to {entry.worker} is held up for {detail}"
    for place, other in case.course.since(number):
        if _was_under_way(other, entry.worker, number) and other.at > entry.at + case.hop:
            after = case.after(entry.at + case.hop, other.at, before=place)
            return f"{said}: only then it {case.course.clause(other)}{after}"
    return said


def _was_under_way(entry: Entry, worker: str, number: int) -> bool:
    event = entry.event
    delivered = isinstance(event, e.NotificationDelivered) and event.sent < number
    return delivered and entry.worker == worker


_AT_ONCE: dict[str, Callable[[Case, Numbered], str]] = {
    "refuse": _refused,
    "fail": _rejected,
    "disconnect": _disconnected,
    "slow": _slow,
    "late-notify": _held_up,
}

_SERVER = {
    "restart-server": "the server is shut down and started again",
    "crash-server": "the server crashes and comes up again",
    "fail-over": "a replica takes the server's place",
}

_NAMES = {
    "crash": "a crash",
    "stop": "a stop",
    "pause": "a pause",
    "skew": "a wrong clock",
    "disconnect": "a broken connection",
    "refuse": "a refused connection",
    "fail": "a rejected statement",
    "slow": "a slow statement",
    "late-notify": "a late notification",
    "restart-server": "a restart",
    "crash-server": "a crash",
    "fail-over": "a fail-over",
}
