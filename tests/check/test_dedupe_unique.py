import pytest

from simqueue.model import events as e

NAME = "dedupe-unique"


@pytest.fixture
def keyed(history):
    """Job 1 is queued with the key k; worker a is there."""
    return history(NAME).worker("a").enqueue(1, key="k").at(1)


def test_a_second_job_with_a_live_jobs_key_is_caught(keyed):
    keyed.enqueue(2, key="k")
    ((name, broken),) = keyed.broken
    assert (name, broken.variant) == (NAME, "")
    assert broken.message == (
        "job 2 has the dedupe key 'k' since scenario queued it, and job 1, which is queued or "
        "picked, has it, too"
    )


def test_a_picked_job_still_has_its_key(keyed):
    assert keyed.picks("a", 1).enqueue(2, key="k").broken


def test_a_retried_job_still_has_its_key(keyed):
    assert keyed.picks("a", 1).retries("a", 1).enqueue(2, key="k").broken


@pytest.mark.parametrize("how", ["requeues", "retries"])
def test_a_held_job_that_is_put_back_beside_a_live_one_is_caught(keyed, how):
    keyed.picks("a", 1).logs("a", 1, "failed").enqueue(2, key="k")
    assert not keyed.broken
    getattr(keyed, how)("scenario", 1)
    assert keyed.broken[0][1].message.startswith("job 1 has the dedupe key 'k'")


@pytest.mark.parametrize("status", ["successful", "exception", "failed", "canceled"])
def test_a_job_that_ends_gives_its_key_away(keyed, status):
    assert not keyed.picks("a", 1).logs("a", 1, status).enqueue(2, key="k").broken


@pytest.mark.parametrize(
    "emptying",
    [
        e.JobDeleted(1),
        e.QueueTruncated(),
        e.DatabaseDropped(),
        e.ServerCrashed(emptied=("queue",)),
    ],
)
def test_a_job_that_is_gone_has_no_key(keyed, emptying):
    assert not keyed.event("scenario", emptying).enqueue(2, key="k").broken


def test_other_keys_and_none_are_not_in_the_way(keyed):
    assert not keyed.enqueue(2, key="other").enqueue(3, 4).broken


def test_a_held_job_may_be_put_back_when_its_key_is_free(keyed):
    keyed.picks("a", 1).logs("a", 1, "failed").enqueue(2, key="k").logs("scenario", 2, "canceled")
    assert not keyed.requeues("scenario", 1).broken
