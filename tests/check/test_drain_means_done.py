import pytest

from simqueue.check import Broken
from simqueue.model import events as e

NAME = "drain-means-done"


def sends(told, *names, cause=None, worker="nightly"):
    for name in names:
        statement = e.StatementSent(len(told.entries), worker, name)
        if cause is None:
            told.event(worker, statement)
        else:
            entry = e.Entry(told.now, worker, statement, cause)
            told.panel.see(entry)
    return told


@pytest.fixture
def nightly(history):
    """Begin with a worker in drain mode that runs job 1."""
    told = history(NAME).worker("nightly", drain=True).enqueue(1)
    return told.at(1).picks("nightly", 1).starts("nightly", 1)


def test_a_worker_that_leaves_what_it_put_back_is_not_done(nightly):
    told = sends(nightly, "dequeue", "queued_work").at(1.1).raises("nightly", 1, retry=True)
    told.retries("nightly", 1, due=3)
    sends(told.at(1.2), "dequeue").at(1.3).event("nightly", e.WorkerExited())
    text = (
        "nightly, in drain mode, ended and left 1 job(s) queued that it had put back itself: 1; it "
        "last asked whether the queue is empty at +1.000000s"
    )
    assert told.broken == [(NAME, Broken(text, "retried", jobs=(1,)))]


def test_a_worker_that_leaves_what_was_there_when_it_asked_is_not_done(nightly):
    told = nightly.finishes("nightly", 1).logs("nightly", 1, "successful").enqueue(2, due=100)
    sends(told.at(2), "dequeue", "queued_work").at(3).event("nightly", e.WorkerExited())
    text = (
        "nightly, in drain mode, ended and left 1 job(s) queued that were there when it asked at "
        "+2.000000s: 2"
    )
    assert told.broken == [(NAME, Broken(text, "queued", jobs=(2,)))]


def ended(told):
    return told.finishes("nightly", 1).logs("nightly", 1, "successful")


def test_jobs_that_came_after_it_asked_are_for_others(nightly):
    told = sends(ended(nightly), "dequeue", "queued_work").at(2).enqueue(2)
    assert told.at(3).event("nightly", e.WorkerExited()).broken == []


def test_what_it_asks_to_plan_its_next_look_does_not_count(nightly):
    told = sends(ended(nightly), "dequeue", "queued_work").at(2).enqueue(2).at(3)
    sends(told, "eligible_queued_work", "next_deferred_eta", "queued_work")
    assert told.at(4).event("nightly", e.WorkerExited()).broken == []


def test_nor_does_what_its_handlers_ask(nightly):
    told = sends(ended(nightly), "dequeue", "queued_work").at(2).enqueue(2).at(3)
    sends(told, "queued_work", cause=1)
    assert told.at(4).event("nightly", e.WorkerExited()).broken == []


def test_jobs_that_others_put_back_or_hold_are_theirs(nightly):
    told = sends(ended(nightly).worker("b").enqueue(2, 3).picks("b", 2, 3), "dequeue")
    sends(told.at(2), "queued_work").at(3).retries("b", 2)
    assert told.event("nightly", e.WorkerExited()).broken == []


def test_what_it_put_back_and_another_put_back_again_is_the_other_s(nightly):
    told = nightly.raises("nightly", 1, retry=True).retries("nightly", 1).worker("b")
    sends(told.picks("b", 1).retries("b", 1).at(2), "dequeue")
    assert told.event("nightly", e.WorkerExited()).broken == []


def test_jobs_of_other_entrypoints_are_none_of_its_business(nightly):
    told = sends(ended(nightly).enqueue(2, entrypoint="mail").at(2), "dequeue", "queued_work")
    assert told.event("nightly", e.WorkerExited()).broken == []


@pytest.mark.parametrize(
    "how",
    [
        (e.WorkerStopping(), e.WorkerExited()),
        (e.ConnectionLost("nightly"), e.WorkerExited()),
        (e.WorkerExited("ValueError: no"),),
        (e.WorkerCrashed(),),
    ],
)
def test_a_worker_that_did_not_end_of_itself_may_leave_anything(nightly, how):
    told = nightly.raises("nightly", 1, retry=True).retries("nightly", 1)
    assert sends(told.at(2), "dequeue").event("nightly", *how).broken == []


def test_a_worker_that_does_not_drain_may_leave_anything(history):
    told = history(NAME).worker("a").enqueue(1).picks("a", 1).retries("a", 1).at(1)
    assert sends(told, "dequeue", worker="a").event("a", e.WorkerExited()).broken == []


@pytest.mark.parametrize("question", ["dequeue", "queued_work"])
def test_a_handler_may_have_ended_its_worker(nightly, question):
    told = sends(nightly.enqueue(2).at(2), "dequeue").raises("nightly", 1, retry=True)
    sends(told.retries("nightly", 1), question)  # in this order, and at one moment
    assert told.at(3).event("nightly", e.WorkerExited()).broken == []


def test_jobs_that_are_gone_were_not_left(nightly):
    told = nightly.raises("nightly", 1, retry=True).retries("nightly", 1).at(2)
    told.event("scenario", e.QueueTruncated())
    assert sends(told, "dequeue").event("nightly", e.WorkerExited()).broken == []
