import pytest

from simqueue.model.events import (
    Entry,
    JobsBeat,
    StatementCommitted,
    StatementFailed,
    StatementHeld,
    StatementReplied,
    StatementSent,
)
from simqueue.report.log_index import Course
from simqueue.report.sentence import sentence

EVENTS = [
    Entry(0, "a", StatementSent(1, "a", "update_heartbeat")),
    Entry(200, "a", StatementHeld(1), cause=0),
    Entry(300, "a", StatementCommitted(1), cause=0),
    Entry(300, "a", JobsBeat((3,)), cause=2),
    Entry(500, "a", StatementReplied(1), cause=0),
]
BEAT = "heartbeat (statement 1: refreshes the heartbeat of job 3)"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, f"a sends its {BEAT}"),
        (1, f"the server executes a's {BEAT}, which commits later"),
        (2, f"the server executes a's {BEAT}"),
        (3, "a refreshes the heartbeat of job 3"),
        (4, f"a gets the reply to its {BEAT}"),
    ],
)
def test_the_subject_is_who_does_it(number, said):
    assert sentence(Course(EVENTS), EVENTS[number]) == said


def test_of_a_statement_that_nobody_sent_its_worker_is_the_subject():
    alone = Entry(0, "a", StatementCommitted(7))
    assert sentence(Course([alone]), alone) == "a has statement 7 committed"


def test_a_statement_that_fails_is_its_workers():
    events = [EVENTS[0], Entry(200, "a", StatementFailed(1, "40001", "again"), cause=0)]
    assert sentence(Course(events), events[1]) == "a has statement 1 rejected: 40001 again"
