import pytest

from simqueue.errors import UsageError
from simqueue.inspect.tables_at import render_tables_at


def test_the_tables_are_shown_as_they_stood_after_an_event(trace):
    assert "jobs: 1 row\n" in render_tables_at(trace, 0)
    assert "queued" in render_tables_at(trace, 1)
    after_pick = render_tables_at(trace, 2)
    assert "picked" in after_pick
    assert "schedules: no rows" in after_pick


def test_an_event_that_the_trace_does_not_have_is_refused(trace):
    for number in (-1, 6):
        with pytest.raises(UsageError, match="the trace has events 0 to 5"):
            render_tables_at(trace, number)
