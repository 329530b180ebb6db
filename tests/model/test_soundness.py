from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from simqueue.errors import TraceFormatError
from simqueue.model import events as e
from simqueue.model import trace as tracefile
from simqueue.model.choice import Choice
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.failure import Outcome
from simqueue.model.trace import Trace

ANN, BOB = (f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "12")
JOB = e.JobEnqueued(1, "mail", 0, 0, dedupe_key="k")
PICK = e.JobPicked(1, ANN, slot=0)
SCHEDULE = e.ScheduleInserted(1, "* * * * *", "tick", 60_000_000)


@pytest.fixture
def problem(trace):
    """What is said of a trace with these events and fields, or an empty text."""

    def problem(*events, **fields):
        entries = tuple(
            event if isinstance(event, Entry) else Entry(number, "a", event)
            for number, event in enumerate(events)
        )
        sealed = tracefile.seal(msgspec.structs.replace(trace, events=entries, **fields))
        try:
            decoded = tracefile.decode(tracefile.encode(sealed), "t.json")
        except TraceFormatError as error:
            return str(error)
        assert decoded == sealed
        return ""

    return problem


@pytest.mark.parametrize("cause", [1, 2, 9])
def test_a_cause_comes_before_its_event(problem, cause):
    assert f"event 1: its cause, event {cause}, is not before it" in problem(
        JOB, Entry(5, "a", PICK, cause=cause), e.Healed()
    )
    assert not problem(JOB, Entry(5, "a", PICK, cause=0))


def test_times_rise_and_begin_with_the_run(problem):
    assert "event 1: it is at 3 us, before" in problem(
        Entry(4, "a", JOB), Entry(3, "a", e.Healed())
    )
    assert "event 0: it is at -1 us" in problem(Entry(-1, "a", JOB))
    assert "event 0: its statement began" in problem(Entry(4, "a", JOB, began=5))
    assert "event 0: its statement began" in problem(Entry(4, "a", JOB, began=-5))
    assert not problem(Entry(4, "a", JOB, began=4), Entry(4, "a", e.Healed()))


def test_times_are_dates(problem):
    late = Entry(300_000_000_000_000_000, "a", JOB)
    assert "its time is not between the years 1 and 9999" in problem(late)
    start = datetime(9998, 12, 31, tzinfo=UTC)
    year = timedelta(days=400) // timedelta(microseconds=1)
    assert "is not between the years" in problem(Entry(year, "a", JOB), config=Config(start=start))
    assert "the run took less than no time" in problem(outcome=Outcome(True, 1, -1))


@pytest.mark.parametrize(
    "event",
    [
        PICK,
        e.JobRetried(1, 0),
        e.JobRequeued(1),
        e.JobDeleted(1),
        e.JobReprioritized(2, 1, 0),
        e.JobsBeat((1,)),
    ],
)
def test_a_job_that_is_changed_is_there(problem, event):
    gone = [e.JobLogged(1, "successful", "mail", 0), e.QueueTruncated(), e.DatabaseDropped()]
    gone.append(e.ServerCrashed(("queue",)))
    assert "event 0: there is no job 1 at that time" in problem(event)
    for end in gone:
        assert "event 2: there is no job 1 at that time" in problem(JOB, end, event)
    assert not problem(JOB, e.ServerCrashed(("log",)), event)


@pytest.mark.parametrize(
    "event",
    [
        e.SchedulePicked(1, 0, 0),
        e.ScheduleReleased(1),
        e.SchedulesBeat((1,)),
        e.ScheduleDeleted(1),
    ],
)
def test_a_schedule_that_is_changed_is_there(problem, event):
    assert "event 0: there is no schedule 1 at that time" in problem(event)
    for end in (e.ScheduleDeleted(1), e.SchedulesTruncated(), e.DatabaseDropped()):
        assert "event 2: there is no schedule 1" in problem(SCHEDULE, end, event)
    assert not problem(SCHEDULE, e.QueueTruncated(), event)


def test_what_is_unique_is_there_once(problem):
    other = e.JobEnqueued(2, "mail", 0, 0, dedupe_key="k")
    assert "event 1: there is a job 1 already" in problem(JOB, JOB)
    assert "event 1: its dedupe key is that of job 1" in problem(JOB, other)
    held = e.JobLogged(1, "failed", "mail", 0)
    assert not problem(JOB, held, other)
    assert "its dedupe key is that of job 2" in problem(JOB, held, other, e.JobRequeued(1))
    assert "a job cannot have the number 0" in problem(e.JobEnqueued(0, "mail", 0, 0))
    assert "schedule 1 is there already" in problem(SCHEDULE, SCHEDULE)
    namesake = e.ScheduleInserted(2, "* * * * *", "tick", 0)
    assert "schedule 2 is there already" in problem(SCHEDULE, namesake)
    assert not problem(SCHEDULE, e.ScheduleDeleted(1), namesake)


def test_a_slot_is_taken_once(problem):
    two, pick = e.JobEnqueued(2, "mail", 0, 0), e.JobPicked(2, BOB, slot=0)
    assert "event 3: slot 0 of 'mail' is taken" in problem(JOB, two, PICK, pick)
    for left in (e.JobRetried(1, 0), e.JobLogged(1, "failed", "mail", 0), e.JobDeleted(1)):
        assert not problem(JOB, two, PICK, left, pick)
    assert not problem(JOB, e.JobEnqueued(2, "other", 0, 0), PICK, pick)


def test_what_events_say_can_be_read(problem):
    assert "event 1: its manager is not a UUID" in problem(JOB, e.JobPicked(1, "ann"))
    delivered = e.NotificationDelivered("a 1", 0)
    assert "event 0: its notification, event 0, was not sent before it" in problem(delivered)
    assert not problem(e.TableChanged("insert"), delivered)
    for detail in ("", "soon", "nan s", "inf s", "1e300 s to begin"):
        assert "does not say for how long" in problem(e.FaultStruck("slow", detail))
    assert not problem(e.FaultStruck("slow", "1.5e-05 s to commit"))
    assert not problem(e.FaultStruck("crash", "soon"))
    for text in ("", "[]", "{", "[" * 100_000):
        headers = e.JobEnqueued(1, "mail", 0, 0, headers=text)
        assert "its headers are not a JSON object" in problem(headers)
    assert not problem(e.JobEnqueued(1, "mail", 0, 0, headers="null"))
    logged = e.JobLogged(1, "exception", "mail", 0, traceback="x")
    assert "its traceback is not a JSON object" in problem(logged)
    assert "a sequence cannot go back" in problem(e.IdsBurned("log", -1))


@pytest.mark.parametrize("value", [0, -1, 64, 2**63 - 1])
def test_a_choice_is_one_of_its_options(problem, value):
    said = problem(JOB, choices=(Choice("a lag", 0, value, 64, 0, 0),))
    assert f"choice 0: it picks {value} of 64 options" in said


def test_the_outcome_does_not_contradict_itself(problem, trace):
    failure = trace.outcome.failure
    assert "the run passed, but has a failure" in problem(outcome=Outcome(True, 1, 1, failure))
    assert "the run failed, but has no failure" in problem(outcome=Outcome(False, 1, 1))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_numbers_are_those_of_64_bits(problem, number):
    assert "`$.events[0].event.job_id`" in problem(e.JobLogged(number, "successful", "mail", 0))
    assert "`$.events[0].at`" in problem(Entry(number, "a", JOB))
    assert "`$.seed`" in problem(seed=number)


def test_a_config_that_makes_no_sense_is_refused_with_the_file(trace, tmp_path):
    path = tmp_path / "t.json"
    trace.save(path)
    document = path.read_bytes().replace(b'"log_level":"INFO"', b'"log_level":"LOUD"')
    path.write_bytes(document)
    with pytest.raises(TraceFormatError, match=r"t\.json: is not a valid trace: Config\.log_level"):
        Trace.load(path)


def test_a_target_is_no_longer_than_a_path(problem):
    assert "its target is not the name of a scenario" in problem(target="x" * 5_000)
    assert "its target is not the name of a scenario" in problem(target="a\0b")


def test_what_an_error_quotes_of_a_file_is_short_and_printable(problem, trace):
    said = problem(config=Config(accepted=("x" * 10,)), target="\x1b[2J" * 2_000)
    assert said.isprintable()
    document = tracefile.encode(msgspec.structs.replace(trace, checksum="\x1b]0;x\x07" * 10_000))
    with pytest.raises(TraceFormatError) as caught:
        tracefile.decode(document, "t.json")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
