import msgspec

from simqueue.model.choice import Choice
from simqueue.model.events import Entry, JobPicked, JobsBeat
from simqueue.model.failure import Outcome
from simqueue.report.story.story import render_headline, render_story

STORY = """\
app.py:scenario, seed 17
simqueue 0.1.0, pgqueuer 1.6.0, Python 3.12.0

Failed: exception: ValueError: no money
at app.py:12 in charge
(+1.000900s simulated, 12 steps, 6 events)
Traceback (most recent call last):
  File "./app.py", line 12, in charge
    raise ValueError("no money")
ValueError: no money

Deviations from calm: 3 (where this run differs from an undisturbed one)
   +0.001000s  a reply to a is 12 us late
   +0.001200s  b goes before a, whose turn it was; then a starts to run job 1 (charge)
   +0.001500s  a reply to a is 10 us late

How it came about (job 1 (charge)):
      #0    +0.000200s  scenario enqueues job 1 (charge): b'x'
      #2    +0.000600s  a picks job 1 into slot 0
           ... 1 heartbeat, at +0.000600s
      #4    +0.000800s  a starts to run job 1 (charge)
      #5    +1.000900s  a fails in job 1 (charge): ValueError: no money

More: simqueue explain exception
Again: simqueue replay t.json
"""


def test_the_story_of_a_failure(trace):
    assert render_story(trace, again="simqueue replay t.json") == STORY


def many(trace, **changes):
    choices = tuple(Choice("a order", at, 1, 2, at, 0, "b") for at in range(16))
    return msgspec.structs.replace(trace, choices=(*choices, *trace.choices[:1]), **changes)


def test_many_deviations_are_counted_and_the_way_to_fewer_is_told(trace):
    assert (
        "Deviations from calm: 17 (order 16, reply 1)\n"
        "Most of them play no part in the failure: `simqueue shrink` keeps only those that do.\n"
    ) in render_story(many(trace))


def test_a_passed_run_has_nothing_to_shrink(trace):
    assert "simqueue shrink" not in render_story(many(trace, outcome=Outcome(True, 3, 5)))


def test_a_failure_that_names_jobs_tells_what_happened_to_them(trace):
    story = render_story(failing(trace, message="job 1 (charge) is queued"))
    assert "How it came about (job 1 (charge)):" in story
    assert "The last that happened" not in story


def failing(trace, **changes):
    failure = msgspec.structs.replace(trace.outcome.failure, **changes)
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    return msgspec.structs.replace(trace, outcome=outcome)


def test_a_failure_that_names_nobody_tells_the_end_of_the_log_beside_a_guess(trace):
    story = render_story(failing(trace, message="AssertionError: assert 3 == 4"))
    assert "How it came about (job 1 (charge)):" in story
    assert "The last events:" in story


def test_the_tail_is_as_long_as_asked_for(trace):
    picks = tuple(Entry(at, "a", JobPicked(at, "m")) for at in range(100))
    story = render_story(msgspec.structs.replace(trace, events=picks), tail=10)
    assert "... 90 earlier lines" in story
    assert "picks job 89" not in story
    assert "picks job 90" in story


def test_heartbeats_in_a_row_are_folded_into_one_line(trace):
    beats = tuple(Entry(at, "a", JobsBeat((1,))) for at in range(50))
    story = render_story(msgspec.structs.replace(trace, events=beats))
    assert "... 50 heartbeats, the last at +0.000049s" in story
    assert "refreshes the heartbeat" not in story


def test_a_passed_run_has_a_story_too(trace):
    passed = msgspec.structs.replace(trace, outcome=Outcome(True, 3, 5), choices=(), events=())
    story = render_story(passed)
    assert "Passed: +0.000005s simulated, 3 steps, 0 events" in story
    assert "Deviations from calm: none" in story
    assert "No event was recorded." in story
    assert render_headline(passed) == "passed: app.py:scenario, seed 17"


def test_a_failure_without_a_message_has_a_headline(trace):
    failure = msgspec.structs.replace(trace.outcome.failure, message="")
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    silent = msgspec.structs.replace(trace, outcome=outcome)
    assert render_headline(silent) == "FAILED: app.py:scenario, seed 17: exception: "


def test_a_number_that_no_job_can_have_is_not_read_as_one(trace):
    failure = msgspec.structs.replace(
        trace.outcome.failure, message=f"job {'9' * 5_000} #{'9' * 99}"
    )
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    assert "exception: job 999" in render_story(msgspec.structs.replace(trace, outcome=outcome))
