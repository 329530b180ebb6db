import pytest

from simqueue.model import events as e

NAME = "legal-transition"


@pytest.fixture
def queued(history):
    """Job 7 is queued; there are workers a and b."""
    return history(NAME).worker("a").worker("b").enqueue(7).at(1)


def variants(told):
    assert {name for name, _ in told.broken} <= {NAME}
    return [broken.variant for _, broken in told.broken]


def test_a_job_that_ends_without_being_picked_is_caught(queued):
    told = queued.logs("a", 7, "exception")
    assert variants(told) == ["queued-to-exception"]
    assert told.broken[0][1].message == (
        "a moved job 7 from queued to exception; it has to be picked before"
    )


def test_a_job_that_ends_twice_in_one_batch_is_caught(queued):
    told = queued.picks("a", 7).logs("a", 7, "successful").logs("a", 7, "exception")
    assert variants(told) == ["nowhere-to-exception"]


def test_a_job_put_back_twice_is_caught(queued):
    assert variants(queued.picks("a", 7).retries("a", 7).retries("a", 7)) == ["queued-to-queued"]


def test_a_held_job_that_is_picked_is_caught(queued):
    told = queued.picks("a", 7).logs("a", 7, "failed").picks("b", 7)
    assert variants(told) == ["failed-to-picked"]


def test_a_picked_job_that_is_picked_as_if_it_were_queued_is_caught(queued):
    assert variants(queued.picks("a", 7).picks("b", 7, stale=False)) == ["picked-to-picked"]


def test_a_queued_job_that_is_put_back_as_if_it_were_held_is_caught(queued):
    assert variants(queued.requeues("scenario", 7)) == ["queued-to-queued"]


def test_a_held_job_that_a_worker_calls_successful_is_caught(queued):
    told = queued.picks("a", 7).logs("a", 7, "failed").logs("a", 7, "successful")
    assert variants(told) == ["failed-to-successful"]


def test_a_job_may_go_all_the_ways_there_are(queued):
    told = queued.picks("a", 7).retries("a", 7).picks("b", 7).logs("b", 7, "failed")
    told.requeues("scenario", 7).picks("a", 7).at(40).picks("b", 7).logs("b", 7, "successful")
    assert not told.broken


@pytest.mark.parametrize("who", ["scenario", "b"])
def test_a_job_may_be_cancelled_in_any_status_by_anybody(queued, who):
    queued.enqueue(8, 9).picks("a", 8, 9).logs("a", 9, "failed")
    for job in (7, 8, 9):
        queued.logs(who, job, "canceled")
    assert not queued.broken


def test_a_job_may_be_deleted_in_any_status(queued):
    queued.enqueue(8, 9).picks("a", 8, 9).logs("a", 9, "failed")
    assert not queued.event("scenario", *map(e.JobDeleted, (7, 8, 9))).broken


def test_clients_put_back_and_log_what_they_like(queued):
    told = queued.retries("scenario", 7).logs("scenario", 7, "failed").retries("scenario", 7)
    assert not told.broken


def test_a_worker_may_log_a_job_that_a_client_put_back_while_it_ran(queued):
    told = queued.picks("a", 7).retries("scenario", 7)
    assert not told.logs("a", 7, "successful").broken


@pytest.mark.parametrize("late", ["successful", "failed"])
def test_a_runner_that_lost_the_job_may_log_it_after_the_second_has_put_it_back(queued, late):
    told = queued.picks("a", 7).at(40).picks("b", 7).retries("b", 7)
    assert not told.at(41).logs("a", 7, late).broken


def test_a_runner_that_lost_the_job_may_put_it_back_under_the_second(queued):
    told = queued.picks("a", 7).at(40).picks("b", 7).retries("a", 7)
    assert not told.at(41).logs("b", 7, "successful").broken


def test_that_a_job_is_held_twice_is_for_another_invariant(queued):
    assert not queued.picks("a", 7).logs("a", 7, "failed").logs("a", 7, "failed").broken


@pytest.mark.parametrize(
    "emptying", [e.QueueTruncated(), e.DatabaseDropped(), e.ServerCrashed(emptied=("queue",))]
)
def test_an_emptied_table_forgets(queued, emptying):
    told = queued.picks("a", 7).event("server", emptying).enqueue(7)
    assert not told.picks("a", 7).logs("a", 7, "successful").broken


def test_a_table_that_survives_a_crash_is_remembered(queued):
    told = queued.event("server", e.ServerCrashed(emptied=("log",)))
    assert variants(told.logs("a", 7, "successful")) == ["queued-to-successful"]
