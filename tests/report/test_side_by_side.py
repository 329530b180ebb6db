import msgspec
import pytest

from simqueue.model.events import (
    Entry,
    HandlerFinished,
    HandlerStarted,
    InvariantBroken,
    JobEnqueued,
    JobLogged,
    JobPicked,
    JobsBeat,
    StatementCommitted,
    StatementFailed,
    StatementReplied,
    StatementSent,
    WorkerStarted,
)
from simqueue.model.failure import Failure, Outcome
from simqueue.report.side_by_side import Side, render_event, render_side_by_side

MANAGER = "11111111-1111-1111-1111-111111111111"
BEGIN = (
    Entry(0, "a", WorkerStarted(1)),
    Entry(0, "b", WorkerStarted(1)),
    Entry(200, "scenario", JobEnqueued(1, "charge", 0, 200, b"x")),
    Entry(200, "scenario", JobEnqueued(2, "mail", 0, 200, b"x")),
    Entry(400, "a", StatementSent(1, "a", "dequeue")),
)
FAILED = (
    Entry(600, "a", JobPicked(1, MANAGER)),
    Entry(600, "a", JobPicked(2, MANAGER)),
    Entry(800, "a", HandlerStarted("charge", job_id=1)),
    Entry(900, "a", JobsBeat((1,))),
    Entry(1000, "b", JobPicked(1, MANAGER)),
    Entry(1000, "b", InvariantBroken("single-runner", "job 1 was running on a", job_ids=(1,))),
)
PASSED = (
    Entry(700, "a", StatementReplied(1)),
    Entry(700, "a", JobPicked(1, MANAGER)),
    Entry(700, "a", JobPicked(2, MANAGER)),
    Entry(900, "a", HandlerStarted("charge", job_id=1)),
    Entry(1500, "a", HandlerFinished("charge", job_id=1)),
    Entry(1600, "a", JobLogged(2, "successful", "mail", 0)),
    Entry(1700, "a", JobLogged(1, "successful", "charge", 0)),
    Entry(9000, "a", JobEnqueued(1, "charge", 0, 9000, b"later")),
)


@pytest.fixture
def sides(trace):
    failure = Failure("invariant", "job 1 was running on a", "single-runner", "invariant:x")
    one = msgspec.structs.replace(
        trace, events=BEGIN + FAILED, outcome=Outcome(False, 9, 1000, failure), choices=()
    )
    other = msgspec.structs.replace(
        trace, events=BEGIN + PASSED, outcome=Outcome(True, 12, 9000), choices=()
    )
    return Side("fails", one), Side("passes", other)


def columns(sides):
    """The rows after the heading, as pairs without the padding."""
    lines = render_side_by_side(*sides, len(BEGIN), 100).splitlines()[1:]
    return [(line[:48].strip(), line[51:].strip()) for line in lines]


def test_what_both_did_stands_in_one_line_with_its_own_time(sides):
    assert (
        "#7 +0.000800s a starts to run job 1 (charge)",
        "#8 +0.000900s a starts to run job 1 (charge)",
    ) in columns(sides)


def test_the_first_line_has_what_each_did_where_they_part(sides):
    assert columns(sides)[2] == (
        "#5 +0.000600s a picks job 1",
        "#5 +0.000700s a gets the reply to its dequeue",
    )


def test_only_what_the_failure_is_about_is_told(sides):
    text = render_side_by_side(*sides, len(BEGIN), 100)
    assert text.startswith("From there on, of job 1, a and b alone:\n")
    assert "job 2" not in text
    assert "refreshes the heartbeat" not in text


def test_the_failing_column_ends_with_the_failure_and_the_other_with_the_jobs_story(sides):
    rows = columns(sides)
    assert rows[-1] == (
        "FAILS at +0.001000s: job 1 was running on a",
        "passes (its end is at +0.009000s)",
    )
    told = [right for _, right in rows if right.startswith("#")]
    assert told[-1] == "#11 +0.001700s a logs job 1 (charge) successful"
    assert not any("breaks single-runner" in left for left, _ in rows)


@pytest.mark.parametrize("width", [60, 100, 140])
def test_no_line_is_wider_than_it_may_be(sides, width):
    text = render_side_by_side(*sides, len(BEGIN), width)
    assert max(map(len, text.splitlines())) <= width
    assert "was running on a" in text


def test_the_sides_may_be_exchanged(sides):
    rows, swapped = columns(sides), columns(sides[::-1])
    assert rows[0] == ("fails", "passes")
    assert swapped[0] == ("passes", "fails")
    assert {frozenset(row) for row in swapped} == {frozenset(row) for row in rows}


def test_what_a_worker_does_in_another_life_is_not_the_same(trace, sides):
    again = (
        Entry(600, "a", JobPicked(1, MANAGER)),
        Entry(650, "a", WorkerStarted(2)),
        Entry(700, "a", JobPicked(1, MANAGER)),
        Entry(800, "a", HandlerStarted("charge", job_id=1)),
    )
    other = msgspec.structs.replace(sides[1].trace, events=BEGIN + again)
    rows = columns((sides[0], Side("passes", other)))
    assert ("#7 +0.000800s a starts to run job 1 (charge)", "") in rows
    assert ("", "#8 +0.000800s a starts to run job 1 (charge)") in rows


def test_much_that_both_did_is_folded(trace, sides):
    many = tuple(
        Entry(2000 + n, "a", HandlerFinished("charge", job_id=1, cancelled=bool(n % 2)))
        for n in range(30)
    )
    late = tuple(msgspec.structs.replace(entry, at=entry.at + 7) for entry in many)
    failure = sides[0].trace.outcome.failure
    one, other = (
        msgspec.structs.replace(
            trace, events=(*BEGIN, *events), outcome=Outcome(False, 9, 3000, failure), choices=()
        )
        for events in (many, late)
    )
    text = render_side_by_side(Side("a", one), Side("b", other), len(BEGIN), 100)
    assert "... 27 more that both have" in text
    assert text.count("finishes job 1") == 6


def test_a_very_long_story_is_cut_in_the_middle(trace, sides):
    picks = tuple(Entry(2000 + n, "a", JobPicked(1, MANAGER, slot=n)) for n in range(3000))
    failure = sides[0].trace.outcome.failure
    one = msgspec.structs.replace(
        trace, events=(*BEGIN, *picks), outcome=Outcome(False, 9, 6000, failure), choices=()
    )
    text = render_side_by_side(Side("a", one), sides[1], len(BEGIN), 100)
    assert "more lines" in text
    assert len(text.splitlines()) < 120
    assert "#3004 +0.004999s" in text


def test_what_nobody_is_named_in_is_told_without_routine(trace, sides):
    failure = Failure("exception", "AssertionError: no", "app.py:1 in scenario", "exception:x")
    one = msgspec.structs.replace(
        sides[0].trace, outcome=Outcome(False, 9, 1000, failure), events=BEGIN + FAILED[:-1]
    )
    text = render_side_by_side(Side("fails", one), sides[1], len(BEGIN), 100)
    assert text.startswith("From there on, without routine events:\n")
    assert "a picks job 2" in text
    assert "refreshes the heartbeat" not in text


def test_statements_are_told_by_what_they_are(trace):
    events = (
        *BEGIN,
        Entry(500, "a", StatementCommitted(1)),
        Entry(500, "a", JobPicked(1, MANAGER), cause=5),
        Entry(600, "a", StatementSent(2, "a", "retry_job")),
        Entry(700, "a", StatementFailed(2, "40001", "could not serialize")),
    )
    run = msgspec.structs.replace(trace, events=events)
    assert render_event(run, 5) == (
        "#5 +0.000500s the server executes a's dequeue (statement 1: picks job 1)"
    )
    assert render_event(run, 8) == (
        "#8 +0.000700s a has its retry (statement 2) rejected: 40001 could not serialize"
    )


def test_a_run_that_ended_has_nothing_to_show(sides):
    short = msgspec.structs.replace(sides[1].trace, events=BEGIN)
    text = render_side_by_side(sides[0], Side("short", short), len(BEGIN), 100)
    assert "a picks job 1" in text
    assert "passes (its end is at +0.009000s)" in text
