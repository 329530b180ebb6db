"""Deviations: the effect of each choice that was not calm, in a line of queue words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from simqueue.model import events as e
from simqueue.model.choice import Choice
from simqueue.model.choice_key import parse_key
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.choices.choice_context import Case
from simqueue.report.choices.explain_delays import (
    explain_cancel,
    explain_commit,
    explain_notify,
    explain_reply,
    explain_request,
)
from simqueue.report.choices.explain_faults import explain_strike
from simqueue.report.log_index import Course, Subject
from simqueue.report.units import moment, span
from simqueue.report.words import called, task_words, words

_CALM_RESTART_US = 1_000_000
_ACTS = (e.WorkerStopping, e.WorkerCrashed, e.WorkerPaused, e.ClockSet, e.ServerCrashed)
"""The events that the methods of a worker and of the simulation cause."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A choice that was not calm: when it had its effect, and the effect in words."""

    at: int
    choice: Choice
    text: str


def render_deviations(trace: Trace, about: frozenset[Subject] = frozenset()) -> list[str]:
    """Return a line for each choice that was not calm, in the order of virtual time.

    Args:
        trace: of the run.
        about: jobs and schedules to name first where there is much to name.
    """
    return [f"{moment(each.at):>13}  {each.text}" for each in explain_deviations(trace, about)]


def explain_deviations(trace: Trace, about: frozenset[Subject] = frozenset()) -> list[Deviation]:
    """Return the lines of ``render_deviations``, each with its place in the log."""
    course, claimed = Course(trace.events), set[int]()
    deviations = []
    for choice in trace.choices:
        at, text = _explain(Case(course, trace.config, choice, about, claimed))
        deviations.append(Deviation(at, choice, course.plain(text)))
    return sorted(deviations, key=lambda each: each.at)


def explain_choice(
    trace: Trace, choice: Choice, about: frozenset[Subject] = frozenset()
) -> Deviation:
    """Return the effect of one of a run's choices, as ``explain_deviations`` returns all."""
    return next(each for each in explain_deviations(trace, about) if each.choice == choice)


def _explain(case: Case) -> tuple[int, str]:
    """Return when something deviated, and how."""
    if case.key.kind == "fault":
        return explain_strike(case)
    return case.choice.at, _explain_at_once(case)


def _explain_at_once(case: Case) -> str:  # noqa: C901, PLR0911, PLR0912  one arm for each kind
    match case.key.kind:
        case "request":
            return explain_request(case)
        case "reply":
            return explain_reply(case)
        case "commit":
            return explain_commit(case)
        case "notify":
            return explain_notify(case)
        case "cancel":
            return explain_cancel(case)
        case "order":
            return _order(case)
        case "lag":
            return _lag(case)
        case "thread":
            return _thread(case)
        case "restart":
            return _comeback(case, _CALM_RESTART_US)
        case "back":
            return _comeback(case, _CALM_RESTART_US // 10)
        case "choice":
            return _chosen(case)
        case "chance":
            return _chance(case)
        case "random":
            return _random(case)
        case "fault" | "unknown":
            return (
                f"{called(case.process)}: a choice that this release does not know: {case.key.word}"
            )
        case kind:
            assert_never(kind)


# --- steps ------------------------------------------------------------------------------------


def _order(case: Case) -> str:
    who = called(case.course.name_of(case.choice.who)) or "another process"
    first = called(case.process)
    text = f"{who} goes before {first}, whose turn it was"
    did, then = _step_of(case, case.choice.who), _step_of(case, case.key.asker)
    if did and then and did[0] > then[0]:
        did = None  # in another step, when it was its turn
    if did is None:
        known = (
            "the log shows nothing of either step" if then is None else f"then {first} {then[1]}"
        )
        return f"{text}; {known}"
    return f"{text}: {who} {did[1]}" + (f", then {first} {then[1]}" if then else "")


def _step_of(case: Case, word: str) -> tuple[int, str] | None:
    """Return the first event of a process in the instant of a choice, in words."""
    process = case.course.name_of(parse_key(word).process)
    for number, entry in case.course.since(case.choice.event):
        if entry.at > case.choice.at:
            break
        if case.course.process_of(entry) == process:
            return number, case.course.clause(entry)
    return None


def _lag(case: Case) -> str:
    calm, woken = case.choice.at, case.choice.at + case.ladder(case.config.lag_max)
    text = f"{called(case.process)}'s loop wakes {span(woken - calm)} late"
    for number, entry in case.course.since(case.choice.event):
        if entry.at >= woken and case.course.process_of(entry) == case.process:
            passage = case.course.passage_of(entry)
            after = case.after(calm, woken, before=number, besides=passage)
            then = "only then" if entry.at == woken else f"{span(entry.at - woken)} later"
            return f"{text}{after}; {then} it {case.course.clause(entry)}"
    return f"{text}{case.after(calm, woken)}"


def _thread(case: Case) -> str:
    late = case.ladder(case.config.hop_max)
    busy = case.busy(case.process, case.choice.event)
    after = case.after(case.choice.at, case.choice.at + late - 1)
    return f"{case.process}'s call in a thread begins {span(late)} late{busy}{after}"


# --- supervisors ------------------------------------------------------------------------------


def _comeback(case: Case, calm: int) -> str:
    """Return how long a worker is down: from its end, in the instant of the choice or later."""
    ended: Entry | None = None
    for number, entry in case.course.since(case.course.first_at(case.choice.at)):
        match entry.event:
            case e.WorkerCrashed() | e.WorkerExited() if entry.worker == case.process:
                ended = ended or entry
            case e.WorkerStarted() if entry.worker == case.process and ended is not None:
                after = case.after(ended.at + calm, entry.at, before=number)
                took = f"is down for {span(entry.at - ended.at)} before it is started again"
                return f"{case.process} {took} ({span(calm)} when calm){after}"
    return f"{case.process} is not started again before the run ends"


# --- the scenario's own choices ---------------------------------------------------------------


def _chosen(case: Case) -> str:
    return _drawn(case, f"option {case.choice.value + 1} of {case.choice.of} from sim.choice")


def _chance(case: Case) -> str:
    return _drawn(case, "yes from sim.chance, no when calm")


def _random(case: Case) -> str:
    share = case.choice.value / case.choice.of
    return _drawn(case, f"{share:.3f} of 1 from sim.random, 0 when calm")


def _drawn(case: Case, what: str) -> str:
    """Return which handler or process drew a value, and what that led to."""
    for number, entry in case.course.since(case.choice.event):
        if isinstance(entry.event, e.ScenarioChose) and entry.worker == case.process:
            cause = entry.cause
            handler = None if cause is None else case.course.entries[cause].event
            if isinstance(handler, e.HandlerStarted):
                unended = "; it has not ended when the run ends"
                end = next(_ends(case, number, handler), unended)
                return f"{case.process}'s {task_words(handler)} gets {what}{end}"
            return f"{called(case.process)} gets {what}{next(_acts(case, number, entry.at), '')}"
    return f"{called(case.process)} gets {what}"


def _ends(case: Case, drew: int, handler: e.HandlerStarted) -> Iterator[str]:
    """Yield how the handler that drew ends."""
    task = task_words(handler)
    for _, entry in case.course.since(drew):
        match entry.event:
            case e.HandlerFinished() | e.HandlerRaised() as event if (
                entry.worker == case.process and task_words(event) == task
            ):
                how = "finishes" if isinstance(event, e.HandlerFinished) else "fails"
                yield "" if entry.at == case.choice.at else f"; it {how} at {moment(entry.at)}"


def _acts(case: Case, drew: int, since: int) -> Iterator[str]:
    """Yield what a scenario does next after a draw, if the log shows it."""
    for _, entry in case.course.since(drew):
        if isinstance(entry.event, e.ScenarioChose) and entry.at > since:
            return
        if isinstance(entry.event, _ACTS):
            yield f"; next, at {moment(entry.at)}, {entry.worker} {words(entry.event)}"
