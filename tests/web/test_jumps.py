import msgspec
import pytest

from simqueue.model.events import Entry, InvariantBroken, JobDeleted, StatementReplied, TableChanged
from simqueue.report.log_index import Course
from simqueue.web.jumps import Around, Jumps, failure_of


@pytest.fixture
def jumps(trace):
    return Jumps(trace, Course(trace.events))


def test_a_change_is_what_changes_a_table(jumps):
    # of the trace: enqueued, replied, picked, beat, started, raised
    assert jumps.changes(1) == Around("change", 0, 2)
    assert jumps.changes(2) == Around("change", 0, 3)
    assert jumps.changes(5) == Around("change", 3, None)


def test_a_notification_is_in_no_table(trace):
    told = msgspec.structs.replace(trace, events=(Entry(1, "a", TableChanged("insert")),))
    assert Jumps(told, Course(told.events)).changes(0) == Around("change", None, None)


def test_events_of_the_same_job_are_found_from_one_of_them(jumps):
    assert jumps.same(3, "/jobs") == Around("job 1", 2, 4)
    assert jumps.same(1, "/jobs") is None


def test_on_the_page_of_a_job_it_is_that_job(jumps):
    assert jumps.same(1, "/jobs/1") == Around("job 1", 0, 2)
    assert jumps.same(1, "/jobs/77") is None
    assert jumps.same(1, "/jobs/" + "9" * 5000) is None


def test_what_names_no_job_is_about_what_led_to_it(trace):
    broken = Entry(2_000_000, "world", InvariantBroken("no-orphan", "it is stranded"), cause=5)
    more = msgspec.structs.replace(trace, events=(*trace.events, broken))
    assert Jumps(more, Course(more.events)).same(6, "/") == Around("job 1", 5, None)


def test_the_failure_is_the_verdict_that_the_run_failed_with(trace):
    assert failure_of(trace) == 5  # an exception's is the last event
    verdicts = [
        Entry(2_000_000, "world", InvariantBroken("no-orphan", "it is stranded")),
        Entry(2_000_000, "world", InvariantBroken("run-ends", "it goes on")),
        Entry(2_000_000, "a", StatementReplied(1)),
        Entry(2_000_000, "a", JobDeleted(1)),
    ]
    failed = msgspec.structs.replace(trace.outcome.failure, signature="invariant:no-orphan")
    outcome = msgspec.structs.replace(trace.outcome, failure=failed)
    more = msgspec.structs.replace(trace, events=(*trace.events, *verdicts), outcome=outcome)
    assert failure_of(more) == 6


def test_a_run_that_passed_has_no_failure(trace):
    outcome = msgspec.structs.replace(trace.outcome, passed=True, failure=None)
    passed = msgspec.structs.replace(trace, outcome=outcome)
    assert failure_of(passed) is None
    assert Jumps(passed, Course(passed.events)).failure is None
