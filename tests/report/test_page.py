import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys

import msgspec
import pytest

from simqueue.model import events as e
from simqueue.model.choice import Choice
from simqueue.model.events import Entry
from simqueue.model.failure import Outcome
from simqueue.model.rows import JobRow, LogRow
from simqueue.report.log_index import Course
from simqueue.report.page import Change, render_page
from simqueue.report.page.data import tell_data
from simqueue.report.page.lanes import lay_lanes
from simqueue.report.page.story import page_story

HOSTILE = "</script><script>hack()</script><!--<img src=x>{{ 7*7 }}"
MANAGER = "11111111-1111-1111-1111-111111111111"


def job(status="queued", manager=None, payload=None):
    return JobRow(1, 0, 0, 0, 0, 0, status, "charge", None, payload, None, 0, manager, None)


@pytest.fixture
def page(trace):
    """Render a trace with some of its parts replaced; returns the page's text."""

    def render(changes=(), again=None, **parts):
        return render_page(msgspec.structs.replace(trace, **parts), changes, again=again).decode()

    return render


def data_of(page):
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])


def told(trace, *entries, **parts):
    """Return what the page knows of a run of these events."""
    changed = msgspec.structs.replace(trace, events=entries, **parts)
    return tell_data(changed, (), page_story(changed, None))


def lanes(*events, changes=(), worker="a", at=lambda number: 100 * number):
    entries = [Entry(at(k), worker, event) for k, event in enumerate(events)]
    return lay_lanes(Course(entries), changes)


# --- the document ---------------------------------------------------------------------------


def test_the_page_tells_how_the_run_failed_and_how_to_run_it_again(page):
    text = html.unescape(page(again="simqueue replay t.json"))
    assert "<h1>ValueError: no money</h1>" in text
    assert "app.py:12 in charge" in text
    assert "simqueue replay t.json" in text
    assert "b goes before a, whose turn it was; then a starts to run job 1 (charge)" in text
    assert "3 deviations from calm" in text


def test_the_same_trace_gives_the_same_bytes_under_every_hash_seed(trace, tmp_path):
    trace.save(tmp_path / "t.json")
    script = (
        "import sys, hashlib; from simqueue.model.trace import Trace\n"
        "from simqueue.report.page import render_page\n"
        "print(hashlib.sha256(render_page(Trace.load(sys.argv[1]), ())).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / "t.json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert digests == {hashlib.sha256(render_page(trace, ())).hexdigest() + "\n"}


def test_the_policy_allows_nothing_but_the_pages_own_script_and_style(page):
    text = page()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules["default-src"] == "'none'"
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    for kind, element in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(element.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


def test_nothing_of_the_page_asks_a_network_or_stands_in_an_attribute(page):
    text = page()
    assert re.findall(r'\b(?:src|href|action)\s*=\s*["\']', text) == []
    assert re.findall(r"<[^>]*\s(?:on\w+|style)\s*=", text) == []
    assert re.findall(r"https?://", text) == []
    assert "@import" not in text
    assert "url(" not in text


def test_nothing_of_a_trace_becomes_markup(page, trace):
    """However it gets into the page: as text, in an attribute, or as data."""
    failure = msgspec.structs.replace(
        trace.outcome.failure, message=HOSTILE, where=HOSTILE, traceback=HOSTILE
    )
    events = (
        Entry(0, HOSTILE, e.JobEnqueued(1, HOSTILE, 0, 0, HOSTILE.encode())),
        Entry(1, HOSTILE, e.LogLine(HOSTILE, "INFO", HOSTILE)),
        Entry(2, HOSTILE, e.StatementSent(1, HOSTILE, HOSTILE)),
    )
    row = msgspec.structs.replace(job(), entrypoint=HOSTILE, dedupe_key=HOSTILE, headers=HOSTILE)
    hostile = page(
        [Change(0, None, row)],
        again=HOSTILE,
        target=HOSTILE,
        events=events,
        choices=(Choice(f"{HOSTILE} order", 0, 1, 2, 0, 0, HOSTILE),),
        outcome=Outcome(False, 1, 2, failure),
    )
    plain = page()
    for tag in ("<script", "</script", "<img", "<!--", "<style", "<title"):
        assert hostile.lower().count(tag) == plain.lower().count(tag), tag
    assert "49" not in re.search(r"<h1>(.*?)</h1>", hostile)[1]
    assert HOSTILE in data_of(hostile)["history"]["texts"]


def test_a_passed_run_has_a_page(page):
    text = page(outcome=Outcome(True, 12, 1_000_900))
    assert "Passed" in text
    assert "Nothing failed in this run." in text
    assert data_of(text)["failure"] == -1
    assert 'id="to-failure"' not in text


def test_a_run_in_which_nothing_happened_has_a_page(page):
    text = page(events=(), choices=(), outcome=Outcome(True, 0, 0))
    assert data_of(text)["events"]["at"] == []
    assert "No deviation from calm" in text


def test_very_long_text_is_cut_and_says_so(trace):
    said = told(trace, Entry(0, "a", e.LogLine("log", "INFO", "x" * 1_000_000))).events.words.texts
    assert len(said[0]) < 5_000
    assert said[0].endswith("characters)")


def test_many_deviations_are_counted_and_still_have_their_places(page, trace):
    choices = tuple(Choice("a order", k, 1, 2, 200 * k, 0, "b") for k in range(40))
    text = page(choices=choices)
    assert "40 deviations from calm; most play no part in the failure" in text
    assert len(data_of(text)["deviations"]) == 40


# --- what events the story is about ---------------------------------------------------------


def test_the_failure_is_the_last_event_that_says_so(trace):
    story = page_story(trace, None)
    assert story.failure == 5
    assert story.stated
    broken = e.InvariantBroken("no-orphan", "left")
    failure = msgspec.structs.replace(trace.outcome.failure, signature=broken.signature)
    events = (Entry(0, "a", broken), Entry(1, "a", e.WorkerExited()), Entry(2, "a", e.Healed()))
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    again = msgspec.structs.replace(trace, events=events, outcome=outcome)
    assert page_story(again, None).failure == 0


def test_a_failure_that_no_event_says_is_at_the_end(trace):
    failure = msgspec.structs.replace(trace.outcome.failure, kind="timeout", message="too late")
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    story = page_story(msgspec.structs.replace(trace, outcome=outcome), None)
    assert story.failure == 5
    assert not story.stated


def test_a_deviation_is_where_its_late_message_is_sent_and_else_where_it_first_shows(trace):
    events = (
        Entry(0, "a", e.StatementSent(1, "a", "dequeue")),
        Entry(0, "b", e.HandlerStarted("charge", job_id=1)),
        Entry(900, "a", e.StatementCommitted(1)),
    )
    choices = (
        Choice("a dequeue request", 0, 9, 64, 0, 1),
        Choice("a order", 0, 1, 2, 0, 1, "b"),
        Choice("b lag", 0, 1, 2, 500, 2),
    )
    story = page_story(msgspec.structs.replace(trace, events=events, choices=choices), None)
    assert [each.event for each in story.deviations] == [0, 1, 2]


def test_the_events_that_the_story_names_are_marked_and_lead_to_them(trace):
    story = page_story(trace, None)
    assert story.named == [0, 2, 4, 5]
    assert ("#4", 4) in story.text
    assert "".join(text for text, _ in story.text).count("How it came about (job 1") == 1


def test_a_number_that_is_no_event_leads_nowhere(trace):
    failure = msgspec.structs.replace(trace.outcome.failure, message="ticket #99 is lost")
    outcome = msgspec.structs.replace(trace.outcome, failure=failure)
    story = page_story(msgspec.structs.replace(trace, outcome=outcome), None)
    assert all(event is None or event < 6 for _, event in story.text)


def test_marks_of_direction_turn_no_text_around(trace):
    said = Entry(1, "a", e.LogLine("app", "info", "left \u202eright\u2028"))
    page = render_page(msgspec.structs.replace(trace, events=(said,)), ()).decode()
    assert "\u202e" not in page
    assert "left \\u202eright\\u2028" in json.dumps(data_of(page), ensure_ascii=False).replace(
        "\\\\", "\\"
    )


# --- what the lanes show --------------------------------------------------------------------


def test_a_statements_way_is_told_as_far_as_it_came():
    shown = lanes(
        e.StatementSent(1, "a", "update_heartbeat"),
        e.StatementHeld(1),
        e.StatementCommitted(1),
        e.StatementReplied(1),
        e.StatementSent(2, "a", "dequeue"),
        e.StatementFailed(2, "40001", "no"),
        e.StatementSent(3, "a", "dequeue"),
        e.StatementSent(4, "b", "dequeue"),
        e.ConnectionLost("b", 4),
    ).statements
    assert [msgspec.to_builtins(each) for each in shown] == [
        [1, "a", "heartbeat", 0, 1, 2, 3, False, False],
        [2, "a", "dequeue", 4, 5, 5, -1, True, False],
        [3, "a", "dequeue", 6, -1, -1, -1, False, False],
        [4, "a", "dequeue", 7, -1, -1, -1, False, True],
    ]


def test_a_notification_is_heard_or_dropped():
    shown = lanes(
        e.TableChanged("insert"), e.NotificationDelivered("a", 0), e.NotificationDropped("a", 0)
    )
    assert [(each.sent, each.heard, each.dropped) for each in shown.notes] == [
        (0, 1, False),
        (0, 2, True),
    ]


def test_how_long_somebody_was_silent_who_is_taken_over_is_shown():
    shown = lanes(
        e.JobPicked(3, "m"),
        e.JobPicked(4, "m"),
        e.JobsBeat((3, 5)),
        e.JobPicked(3, "n", stale=True),
        e.JobPicked(4, "n", stale=True),
        e.JobPicked(9, "n"),
    ).silences
    assert [(each.whose, each.since, each.until) for each in shown] == [
        ("job 3", 2, 3),
        ("job 4", 1, 4),
    ]


def test_what_a_killed_worker_ran_is_cut_off_there():
    shown = lanes(
        e.WorkerStarted(1),
        e.HandlerStarted("charge", job_id=1),
        e.HandlerStarted("sweep", schedule_id=1),
        e.HandlerFinished("charge", job_id=1),
        e.WorkerCrashed(),
        e.WorkerStarted(2),
        e.HandlerStarted("charge", job_id=2),
    )
    assert {(r.whose, r.what, r.since, r.until) for r in shown.runs} == {
        ("job 1", "finished", 1, 3),
        ("schedule 1", "cut off", 2, 4),
        ("job 2", "running", 6, -1),
    }
    assert [(each.what, each.since, each.until) for each in shown.lives] == [
        ("crashed", 0, 4),
        ("alive", 5, -1),
    ]


def test_one_job_that_runs_twice_at_once_is_two_runs():
    shown = lanes(
        e.HandlerStarted("charge", job_id=1),
        e.HandlerStarted("charge", job_id=1),
        e.HandlerRaised("charge", "boom", job_id=1),
    ).runs
    assert [(each.since, each.until, each.what) for each in shown] == [
        (0, 2, "raised"),
        (1, -1, "running"),
    ]


def test_a_pause_ends_when_it_is_over_or_the_worker_goes_on_before():
    shown = lanes(
        e.WorkerPaused(1_000),
        e.WorkerResumed(),
        e.LoopBlocked(50),
        e.WorkerPaused(1_000),
        e.WorkerPaused(2_000),
        e.LoopBlocked(70, thread=True),
    ).stalls
    assert sorted((each.since, each.until, each.what) for each in shown) == [
        (0, 100, "paused"),
        (2, 250, "blocked"),
        (3, 400, "paused"),
        (4, 2_400, "paused"),
    ]


def test_a_jobs_statuses_are_stretches_and_its_end_is_a_point():
    picked = job("picked", MANAGER)
    beaten = msgspec.structs.replace(picked, heartbeat=9)
    changes = [
        Change(0, None, job()),
        Change(1, job(), picked),
        Change(2, picked, beaten),
        Change(3, beaten, None),
        Change(3, None, LogRow(1, 0, 1, "successful", 0, "charge", None, False)),
    ]
    shown = lanes(changes=changes).states
    assert [(each.what, each.since, each.until, each.by) for each in shown] == [
        ("queued", 0, 1, ""),
        ("picked", 1, 3, MANAGER),
        ("successful", 3, 3, ""),
    ]


def test_each_version_of_a_row_is_written_once_and_managers_have_names(trace):
    picked = job("picked", MANAGER)
    changes = [Change(0, None, job()), Change(1, job(), picked), Change(2, picked, job())]
    events = (
        Entry(0, "ada", e.WorkerReady(MANAGER)),
        Entry(1, "ada", e.JobPicked(1, MANAGER)),
        Entry(2, "ada", e.JobRetried(1, 0)),
    )
    changed = msgspec.structs.replace(trace, events=events)
    history = tell_data(changed, changes, page_story(changed, None)).history
    assert history.changes == [(0, 0, 1, -1, 0), (1, 0, 1, 0, 1), (2, 0, 1, 1, 0)]
    assert "ada (11111111)" in history.texts


def test_lanes_are_the_server_then_workers_then_everybody_else(trace):
    events = (
        Entry(0, "scenario", e.ScenarioChose("random", "1")),
        Entry(1, "b", e.WorkerStarted(1)),
        Entry(2, "a", e.WorkerStarted(1)),
    )
    assert told(trace, *events).processes == ["server", "b", "a", "scenario", "supervisor"]


def test_a_broken_invariant_is_about_the_jobs_that_it_names(trace):
    broken = Entry(0, "a", e.InvariantBroken("single-runner", "job 3 and job 4 ran"))
    assert told(trace, broken).events.about == [["job 3", "job 4"]]


def test_a_broken_invariant_that_names_none_is_about_what_it_was_found_by(trace):
    beaten = Entry(0, "a", e.SchedulesBeat((2,)))
    broken = Entry(0, "a", e.InvariantBroken("schedule-once", "twice"), cause=0)
    known = told(trace, beaten, broken)
    assert known.events.about == [["schedule 2"], ["schedule 2"]]
    assert known.involved == ["schedule 2"]
