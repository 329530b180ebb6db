"""Explains delays: the effect of a late request, reply, commit, notification or cancellation."""

from __future__ import annotations

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.choices.choice_context import Case
from simqueue.report.effects import few
from simqueue.report.log_index import Passage
from simqueue.report.units import span
from simqueue.report.words import called


def explain_request(case: Case) -> str:
    """Return what happened before a statement that arrived late."""
    late = case.ladder(case.config.hop_max)
    passage = case.passage(lambda passage: passage.replied)
    if passage is None:
        return f"a request of {called(case.process)} is {span(late)} late"
    calm = case.choice.at + case.hop
    if passage.executed is None and passage.replied is None:
        return f"{passage.full} is {span(late)} late on its way, and nothing comes of it"
    reached = None if passage.executed is None else passage.executed[0]
    after = case.after(calm, calm + late, before=reached, besides=passage)
    follows = case.sequel(after, passage)
    return f"{passage.full} reaches the server {span(late)} late{after}{follows}"


def explain_reply(case: Case) -> str:
    """Return what happened while a reply was on its way."""
    late = case.ladder(case.config.hop_max)
    passage = case.passage(lambda passage: passage.replied)
    if passage is None:
        return f"a reply to {called(case.process)} is {span(late)} late"
    calm = case.choice.at + case.hop
    subject = f"the reply to {passage.full}"
    if passage.replied is None:
        after = case.after(calm, calm + late, besides=passage)
        return f"{subject} is {span(late)} late, and never gets there{after}"
    after = case.after(calm, calm + late, before=passage.replied[0], besides=passage)
    return f"{subject} gets there {span(late)} late{after}{case.sequel(after, passage)}"


def explain_commit(case: Case) -> str:
    """Return which statements waited for the locks of a statement, or did not see its changes."""
    late = case.ladder(case.config.commit_max)
    passage = case.passage(lambda passage: passage.ended)
    if passage is None:
        return f"a statement of {called(case.process)} commits {span(late)} after its execution"
    if passage.ended is None:
        return f"{passage.full} holds its locks and never commits"
    number, entry = passage.ended
    after = case.after(case.choice.at - 1, entry.at, before=number, besides=passage)
    text = f"{passage.full} commits {span(late)} after it was executed"
    waiters = _waiters(case, passage)
    return f"{text}{waiters or after}{case.sequel(after, passage)}"


def _waiters(case: Case, passage: Passage) -> str:
    """Return the statements that wait for the locks of a statement."""
    waiting: dict[str, None] = {}
    for _, entry in case.course.since(case.choice.event):
        if isinstance(entry.event, e.StatementHeld) and entry.event.awaits == passage.number:
            other = case.course.statements.get(entry.event.statement)
            if other is not None:
                waiting[other.short] = None
    return f", {few(list(waiting))} waiting for its locks" if waiting else ""


def explain_notify(case: Case) -> str:
    """Return what happened before a notification arrived."""
    late = case.ladder(case.config.hop_max)
    arrival = _arrival(case)
    if arrival is None:
        return f"what the server notifies {called(case.process)} of is {span(late)} late on its way"
    number, entry, sent = arrival
    subject = f"{called(entry.worker)}'s notification {case.course.notification(sent)}"
    if isinstance(entry.event, e.NotificationDropped):
        return f"{subject} is {span(late)} late, and lost with the connection"
    calm = case.choice.at + case.hop
    after = case.after(calm, calm + late, before=number)
    return f"{subject} gets there {span(late)} late{after}"


def _arrival(case: Case) -> tuple[int, Entry, int] | None:
    """Return the arrival or the loss of the chosen notification: they arrive in order."""
    heard = case.course.heard.get(case.key.asker, [])
    if case.choice.position >= len(heard):
        return None
    number, entry = heard[case.choice.position]
    match entry.event:
        case e.NotificationDelivered(_, sent) | e.NotificationDropped(_, sent):
            return number, entry, sent
        case _:  # no other events are in ``heard``
            return None


def explain_cancel(case: Case) -> str:
    """Return what happened before the server got the request to cancel a statement."""
    late = case.ladder(case.config.hop_max)
    calm = case.choice.at + 3 * case.hop  # to connect takes a message each way
    after = case.after(calm, calm + late)
    return f"{called(case.process)}'s request to cancel a statement is {span(late)} late{after}"
