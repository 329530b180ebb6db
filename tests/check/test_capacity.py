from simqueue.check.capacity import Capacity
from simqueue.model import events as e


def begin(history):
    told = history()
    told.capacity = told.panel.view.books[Capacity]
    told.worker("a", {"charge": 2}).worker("b", {"charge": 3}).enqueue(1, 2, 3)
    return told.at(1).picks("a", 1, 2)


def since(told, limit, **how):
    """Return since when there has been room for a job, in seconds."""
    found = told.capacity.since("charge", limit, **how)
    return None if found is None else found / 1_000_000


def test_without_a_limit_there_is_always_room(history):
    assert since(begin(history), 0) == 0


def test_each_limit_counts_for_itself(history):
    told = begin(history)
    assert since(told, 2) is None
    assert since(told, 3) == 0


def test_what_is_picked_right_now_can_be_left_out(history):
    assert since(begin(history), 2, without=1) == 0


def test_a_job_that_is_done_makes_room(history):
    assert since(begin(history).at(5).logs("a", 1, "successful"), 2) == 5


def test_a_job_that_is_put_back_makes_room(history):
    assert since(begin(history).at(5).retries("a", 1), 2) == 5


def test_an_emptied_table_has_room(history):
    assert since(begin(history).at(5).event("scenario", e.QueueTruncated()), 2) == 5
