import msgspec

from simqueue.model.events import Entry, JobLogged, JobsBeat, LogLine
from simqueue.model.failure import Outcome
from simqueue.report.difference import first_difference, render_difference, reordered


def with_event(trace, number, entry):
    events = (*trace.events[:number], entry, *trace.events[number + 1 :])
    return msgspec.structs.replace(trace, events=events)


def test_equal_runs_have_no_difference(trace):
    assert first_difference(trace, trace) is None
    assert render_difference(trace, trace, ("a", "b")).startswith("The runs are the same: 6 events")


def test_the_first_event_that_differs_is_named_with_both_sides_and_who_did_it(trace):
    found = first_difference(trace, with_event(trace, 3, Entry(600, "b", JobsBeat((2,)))))
    assert (found.number, found.actor) == (3, "b")
    assert found.one == "+0.000600s a refreshes the heartbeat of job 1"
    assert found.other == "+0.000600s b refreshes the heartbeat of job 2"


def test_a_difference_that_the_words_do_not_tell_is_still_shown(trace):
    entry = msgspec.structs.replace(trace.events[4], cause=0)
    found = first_difference(trace, with_event(trace, 4, entry))
    assert found.number == 4
    assert found.one == "+0.000800s a starts to run job 1 (charge), its cause being 2"
    assert found.other == "cause 0"


def test_of_a_long_text_that_the_words_do_not_tell_the_place_is_shown(trace):
    long = "x" * 500
    one, other = (
        with_event(trace, 4, Entry(800, "a", JobLogged(1, "exception", "charge", 0, traceback)))
        for traceback in (f"{long}here{long}", f"{long}there{long}")
    )
    found = first_difference(one, other)
    assert "its traceback being ...xxx" in found.one
    assert "here" in found.one
    assert "there" in found.other
    assert len(found.one) + len(found.other) < 500


def test_a_shorter_run_differs_at_its_end(trace):
    shorter = msgspec.structs.replace(trace, events=trace.events[:4])
    found = first_difference(trace, shorter)
    assert (found.number, found.other, found.actor) == (4, "the end of the run", "a")


def test_runs_with_the_same_events_may_differ_in_how_they_end(trace):
    passed = msgspec.structs.replace(trace, outcome=Outcome(True, 12, 1_000_900), digest="e" * 32)
    found = first_difference(trace, passed)
    assert (found.number, found.other) == (6, "a passed run")


def test_runs_with_the_same_events_may_differ_in_what_no_event_shows(trace):
    found = first_difference(trace, msgspec.structs.replace(trace, digest="e" * 32))
    assert "randomness and clock readings" in found.one


def test_the_events_before_the_difference_are_shown(trace):
    text = render_difference(
        trace, with_event(trace, 3, Entry(600, "b", JobsBeat((2,)))), ("a.json", "b.json")
    )
    assert "picks job 1" in text
    assert "starts to run" not in text
    assert "They differ from event 3 (by b):" in text


def with_lines(trace, *lines):
    entries = tuple(Entry(at, "a", LogLine("shop", "info", line)) for at, line in enumerate(lines))
    return msgspec.structs.replace(trace, events=entries)


def test_the_same_words_or_events_in_another_order_are_told_apart_from_others(trace):
    abc = with_lines(trace, "keys a, b, c")
    assert reordered(abc, with_lines(trace, "keys c, a, b"), 0)
    assert not reordered(abc, with_lines(trace, "keys c, a, d"), 0)
    assert not reordered(abc, with_lines(trace), 0)
    one = with_lines(trace, "begin", "a", "b", "c", "end")
    assert reordered(one, with_lines(trace, "begin", "c", "a", "b", "other end"), 1)
    assert not reordered(one, with_lines(trace, "begin", "c", "a", "d", "end"), 1)
    assert not reordered(one, with_lines(trace, "begin", "x", "a", "b", "c", "end"), 1)
