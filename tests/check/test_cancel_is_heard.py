import json

import pytest

from simqueue.check import Broken
from simqueue.model import events as e

NAME = "cancel-is-heard"


@pytest.fixture
def claimed(history):
    """Begin with a job that a worker has claimed."""
    told = history(NAME).worker("a").event("a", e.Listening("a", "ch"))
    return told.enqueue(1).picks("a", 1)


def cancels(told, *jobs):
    """An operator cancels jobs; return the number of the entry that tells the workers."""
    for job in jobs:
        told.logs("scenario", job, "canceled")
    payload = {"channel": "ch", "sent_at": "now", "type": "cancellation_event", "ids": list(jobs)}
    told.event("scenario", e.NotificationSent("ch", json.dumps(payload)))
    return len(told.entries) - 1


def hears(told, sent, worker="a", connection=None):
    return told.event(worker, e.NotificationDelivered(connection or worker, sent))


def test_a_handler_that_is_not_told_is_a_violation(claimed):
    told = claimed.starts("a", 1).at(1)
    hears(told.at(2), cancels(told, 1)).at(5).finishes("a", 1)
    text = (
        "the handler of job 1 on a ended without having been cancelled, although the worker was "
        "told to cancel it at +2.000000s"
    )
    assert told.broken == [(NAME, Broken(text, jobs=(1,)))]


def test_one_that_raises_and_is_not_told_is_a_violation_too(claimed):
    told = claimed.starts("a", 1)
    hears(told, cancels(told, 1)).raises("a", 1)
    assert len(told.broken) == 1


def test_a_handler_that_is_told_is_none_however_it_ends(claimed):
    told = claimed.starts("a", 1)
    hears(told, cancels(told, 1)).finishes("a", 1, cancelled=True)
    assert told.broken == []


def test_a_job_that_was_claimed_and_not_begun_must_hear_as_well(claimed):
    told = claimed
    hears(told.at(2), cancels(told, 1)).at(3).starts("a", 1).at(5).finishes("a", 1)
    text = (
        "the handler of job 1 on a began after the worker was told at +2.000000s to cancel the "
        "job, which it had claimed, and was never cancelled"
    )
    assert told.broken == [(NAME, Broken(text, "before-dispatch", jobs=(1,)))]


def test_it_is_fine_never_to_begin_it(claimed):
    told = hears(claimed, cancels(claimed, 1)).at(100).event("a", e.WorkerExited())
    assert told.broken == []


def test_what_comes_after_the_handler_s_end_is_too_late(claimed):
    told = claimed.starts("a", 1)
    sent = cancels(told, 1)
    assert hears(told.finishes("a", 1), sent).broken == []


def test_what_was_sent_before_the_claim_tells_nobody(history):
    told = history(NAME).worker("a").event("a", e.Listening("a", "ch")).enqueue(1)
    payload = json.dumps({"type": "cancellation_event", "ids": [1]})
    told.event("scenario", e.NotificationSent("ch", payload))
    sent = len(told.entries) - 1
    told.picks("a", 1)
    assert hears(told, sent).starts("a", 1).finishes("a", 1).broken == []


def test_a_notification_that_was_dropped_tells_nobody(claimed):
    told = claimed.starts("a", 1)
    told.event("a", e.NotificationDropped("a", cancels(told, 1)))
    assert told.finishes("a", 1).broken == []


def test_only_the_worker_that_has_the_job_must_hear(claimed):
    told = claimed.worker("b").event("b", e.Listening("b", "ch")).starts("a", 1)
    assert hears(told, cancels(told, 1), "b").finishes("a", 1).broken == []


def test_only_the_connection_that_the_manager_listens_with_counts(claimed):
    told = claimed.event("a", e.Listening("a.2", "ch")).starts("a", 1)
    assert hears(told, cancels(told, 1), connection="a.2").finishes("a", 1).broken == []


def test_a_worker_that_was_held_up_has_an_excuse(claimed):
    told = claimed.starts("a", 1).blocks("a", 5)
    sent = cancels(told, 1)
    assert hears(told.at(5), sent).finishes("a", 1).broken == []


def test_a_job_that_is_run_twice_at_once_is_for_others_to_judge(claimed):
    told = claimed.starts("a", 1).at(40).picks("a", 1)
    assert hears(told, cancels(told, 1)).finishes("a", 1).broken == []


def test_a_job_that_is_claimed_anew_begins_anew(claimed):
    told = claimed.starts("a", 1)
    payload = json.dumps({"type": "cancellation_event", "ids": [1]})
    told.event("scenario", e.NotificationSent("ch", payload))
    hears(told, len(told.entries) - 1).retries("a", 1).picks("a", 1)
    assert told.starts("a", 1).finishes("a", 1).broken == []


def test_other_notifications_are_not_its_concern(claimed):
    told = claimed.starts("a", 1)
    for payload in ("{}", "cancellation_event", '{"type": "cancellation_event"}', '"x'):
        told.event("scenario", e.NotificationSent("ch", payload))
        hears(told, len(told.entries) - 1)
    assert told.finishes("a", 1).broken == []


def test_a_worker_that_listens_again_must_hear_over_the_new_connection(history):
    told = history(NAME).worker("a", pooled=True).event("a", e.Listening("a", "ch"))
    told.loses("a").at(5).event("a", e.Listening("a.2", "ch"))
    told.enqueue(1).picks("a", 1).starts("a", 1)
    hears(told.at(6), cancels(told, 1), connection="a.2").at(9).finishes("a", 1)
    assert len(told.broken) == 1


def test_another_channel_over_another_connection_is_not_the_managers(history):
    told = history(NAME).worker("a", pooled=True).event("a", e.Listening("a", "ch"))
    told.loses("a").at(5).event("a", e.Listening("a.2", "mine"))
    told.enqueue(1).picks("a", 1).starts("a", 1)
    hears(told.at(6), cancels(told, 1), connection="a.2").at(9).finishes("a", 1)
    assert told.broken == []
