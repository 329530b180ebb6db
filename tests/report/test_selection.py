from typing import get_args

import pytest

from simqueue.model import events as e
from simqueue.report.selection import KINDS, Selection, render_selection


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"job": 1}, [0, 2, 3, 4, 5]),
        ({"schedule": 1}, []),
        ({"worker": "a"}, [2, 3, 4, 5]),
        ({"worker": "a", "job": 1, "kinds": ("handler_*", "job_picked")}, [2, 4, 5]),
        ({"since": 600}, [2, 3, 4, 5]),
        ({"until": 600}, [0, 1, 2, 3]),
        ({"first": 2, "last": 4}, [2, 3, 4]),
    ],
)
def test_what_is_asked_for_has_all_in_common(trace, asked, numbers):
    assert [number for number, _ in Selection(**asked).of(trace)] == numbers
    assert Selection(**asked).is_everything is (asked == {})


def test_every_kind_of_event_has_a_name():
    assert len(KINDS) == len(get_args(e.AnyEvent)) == len(set(KINDS))
    assert {"job_picked", "invariant_broken"} < set(KINDS)


def test_events_are_counted_and_routine_is_folded_unless_it_is_asked_for(trace):
    assert render_selection(trace, Selection(worker="a")).splitlines()[::2] == [
        "4 of 6 events:",
        "           ... 1 heartbeat, at +0.000600s",
        "      #5    +1.000900s  a fails in job 1 (charge): ValueError: no money",
    ]
    beat = "      #3    +0.000600s  a refreshes the heartbeat of job 1"
    assert beat in render_selection(trace, Selection(kinds=("jobs_beat",)))
    assert beat in render_selection(trace, Selection(), routine=True)
