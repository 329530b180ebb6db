from dataclasses import dataclass

from simqueue.choices import Anchored, Choices, choice_of
from simqueue.model.choice import Choice
from simqueue.model.events import (
    Entry,
    HandlerStarted,
    LogLine,
    StatementReplied,
    StatementSent,
)


@dataclass
class Waiting:
    name: str
    doing: str


@dataclass
class Line:
    """Those who wait for a step; of one alone a pick may be about its task."""

    waiting: list[Waiting]

    def options(self):
        return self.waiting

    def steps(self, value):
        first, chosen = self.waiting[0], self.waiting[value] if self.waiting[1:] else None
        return (first.doing,) if chosen is None else (chosen.name, chosen.doing, first.doing)


ONE, TWO = Waiting("one", "handle"), Waiting("two", "dequeue")
SENT, REPLIED = StatementSent(1, "one", "dequeue"), StatementReplied(1)
STARTED = HandlerStarted("charge", job_id=1)


def log(*events, worker="one"):
    return [Entry(number, worker, event) for number, event in enumerate(events)]


def door_of(source):
    return Choices(source)


def played(source, *events, worker="one"):
    for entry in log(*events, worker=worker):
        source.see(0, entry)


def test_a_choice_waits_for_the_event_before_it():
    events = log(SENT, REPLIED)
    source = Anchored([Choice("one lag", 0, 7, 64, 5, 2, "handle")], events)
    lag = door_of(source).stream("one lag")
    assert lag.deviate(64, Line([ONE])) == 0
    played(source, SENT)
    assert lag.deviate(64, Line([ONE])) == 0
    played(source, REPLIED)
    assert [lag.deviate(64, Line([ONE])) for _ in range(3)] == [7, 0, 0]


def test_events_that_were_not_there_before_do_not_move_a_choice():
    source = Anchored([Choice("one lag", 0, 7, 64, 5, 2, "handle")], log(SENT, REPLIED))
    lag = door_of(source).stream("one lag")
    played(source, LogLine("shop", "info", "hello"), StatementSent(9, "one", "queue_size"))
    played(source, StatementReplied(9))
    assert lag.deviate(64, Line([ONE])) == 0
    played(source, SENT, REPLIED)
    assert lag.deviate(64, Line([ONE])) == 7


def test_events_of_other_workers_do_not_count():
    source = Anchored([Choice("one lag", 0, 7, 64, 5, 1, "handle")], log(STARTED))
    lag = door_of(source).stream("one lag")
    played(source, STARTED, worker="two")
    assert lag.deviate(64, Line([ONE])) == 0
    played(source, STARTED, worker="one")
    assert lag.deviate(64, Line([ONE])) == 7


def test_a_lag_is_of_the_task_that_is_woken():
    source = Anchored([Choice("one lag", 0, 7, 64, 5, 0, "handle")], [])
    lag = door_of(source).stream("one lag")
    assert lag.deviate(64, Line([Waiting("one", "audit")])) == 0
    assert lag.deviate(64, Line([ONE])) == 7


def test_who_goes_first_is_known_by_name_and_not_by_place():
    source = Anchored([Choice("one order", 0, 1, 2, 5, 0, "two dequeue before handle")], [])
    order = door_of(source).stream("one order")
    third = Waiting("three", "dequeue")
    assert order.deviate(2, Line([ONE, third])) == 0
    assert order.deviate(2, Line([Waiting("one", "audit"), TWO])) == 0
    assert order.deviate(3, Line([ONE, third, TWO])) == 2
    assert order.deviate(3, Line([ONE, third, TWO])) == 0


def test_who_goes_first_has_come_as_far_as_when_it_did():
    events = log(STARTED, worker="two")
    source = Anchored([Choice("one order", 0, 1, 2, 5, 1, "two dequeue before handle")], events)
    order = door_of(source).stream("one order")
    assert order.deviate(2, Line([ONE, TWO])) == 0
    played(source, STARTED, worker="two")
    assert order.deviate(2, Line([ONE, TWO])) == 1


def test_connections_and_threads_are_of_their_worker():
    choices = [Choice(f"one{part} lag", 0, 7, 64, 5, 1, "handle") for part in (".2", "/thread")]
    source = Anchored(choices, log(STARTED))
    door = door_of(source)
    keys = [choice.key for choice in choices]
    assert [door.stream(key).deviate(64, Line([ONE])) for key in keys] == [0, 0]
    played(source, STARTED)
    assert [door.stream(key).deviate(64, Line([ONE])) for key in keys] == [7, 7]


def test_other_kinds_are_told_by_position():
    choices = [Choice("one order", 3, 1, 2, 5, 0, "two dequeue before handle")]
    choices += [Choice("one lag", 1, 9, 64, 5, 0, "handle"), Choice("s chance", 2, 1, 2, 5, 0)]
    source = Anchored(choices, [], kinds=("order",))
    door = door_of(source)
    assert [door.stream("one lag").deviate(64, Line([ONE])) for _ in range(3)] == [0, 9, 0]
    assert [door.draws("s chance").pick(2) for _ in range(4)] == [0, 0, 1, 0]
    assert door.stream("one order").deviate(2, Line([ONE, TWO])) == 1


def test_what_is_picked_says_whose_step_it_was_about():
    door = Choices(Anchored([Choice("one order", 0, 1, 2, 5, 0, "two dequeue before handle")], []))
    door.stream("one order").deviate(2, Line([ONE, TWO]))
    (kept,) = map(choice_of, door.picks)
    assert kept.about == "two dequeue before handle"
