import pytest
from applications import busy_shop

from simqueue.errors import UsageError
from simqueue.inspect.event_numbers import check_event
from simqueue.inspect.moments import Moments, moment_after
from simqueue.report.findings.tables_at import render_tables_at
from simqueue.sim.run import run
from simqueue.store import fold, snapshot


def tables_at(trace, number):
    moment = Moments(trace).at(number)
    return render_tables_at(number, trace.events[number], moment.rows())


def test_the_tables_are_shown_as_they_stood_after_an_event(trace):
    assert "jobs: 1 row\n" in tables_at(trace, 0)
    assert "queued" in tables_at(trace, 1)
    after_pick = tables_at(trace, 2)
    assert "picked" in after_pick
    assert "schedules: no rows" in after_pick


def test_an_event_that_the_trace_does_not_have_is_refused(trace):
    for number in (-1, 6):
        with pytest.raises(UsageError, match="the trace has events 0 to 5"):
            check_event(trace, number)
        with pytest.raises(UsageError, match="the trace has events 0 to 5"):
            Moments(trace).at(number)


def test_a_moment_is_the_fold_of_the_events_up_to_it():
    trace = run(busy_shop, seed=3).trace
    for count in (0, 1, len(trace.events) // 2, len(trace.events)):
        moment = moment_after(trace, trace.events[:count])
        folded = fold(Moments(trace).names, trace.events[:count])
        assert moment.number == count - 1
        assert snapshot(moment.tables) == snapshot(folded)
    assert snapshot(moment.tables).log
