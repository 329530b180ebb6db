import pytest

from simqueue.model import events as e

NAME = "no-lost-job"


@pytest.fixture
def picked(history):
    """Worker a has picked job 7; worker b looks on."""
    return history(NAME).worker("a").worker("b").enqueue(7).at(1).picks("a", 7)


def test_a_job_logged_successful_that_nobody_ran_is_caught(picked):
    name, broken = picked.at(2).logs("a", 7, "successful").broken[0]
    assert (name, broken.variant) == (NAME, "")
    assert broken.message == (
        "a logged job 7 (charge) successful, though no handler of it has run to an end since it "
        "was queued"
    )


@pytest.mark.parametrize("status", ["exception", "failed"])
def test_a_handler_that_still_runs_has_not_ended(picked, status):
    assert picked.starts("a", 7).at(2).logs("a", 7, status).broken


def test_the_end_before_a_retry_does_not_count_for_the_job_after_it(picked):
    picked.starts("a", 7).at(2).raises("a", 7, retry=True).retries("a", 7)
    assert picked.at(3).picks("a", 7).at(4).logs("a", 7, "successful").broken


def test_the_end_before_an_operator_put_it_back_does_not_count_either(picked):
    picked.starts("a", 7).at(2).raises("a", 7).logs("a", 7, "failed").requeues("scenario", 7)
    assert picked.at(3).picks("a", 7).at(4).logs("a", 7, "exception").broken


def test_a_job_that_was_run_is_logged(picked):
    assert not picked.starts("a", 7).at(2).finishes("a", 7).logs("a", 7, "successful").broken


def test_a_job_that_raised_is_logged(picked):
    assert not picked.starts("a", 7).at(2).raises("a", 7).logs("a", 7, "exception").broken


def test_a_job_cancelled_before_it_ran_is_not_lost(picked):
    assert not picked.at(2).logs("a", 7, "canceled").broken


def test_clients_log_what_they_like(picked):
    assert not picked.at(2).logs("scenario", 7, "successful").broken


def test_it_need_not_be_the_runner_that_logs(picked):
    assert not picked.starts("a", 7).at(2).finishes("a", 7).logs("b", 7, "successful").broken


def test_a_runner_that_is_late_may_log_a_job_that_the_second_runner_put_back(picked):
    told = picked.starts("a", 7).at(2).finishes("a", 7)
    told.at(32).picks("b", 7).starts("b", 7).raises("b", 7, retry=True).retries("b", 7)
    assert not told.at(33).logs("a", 7, "successful").broken


def test_what_a_killed_worker_had_sent_is_logged_for_its_end(picked):
    told = picked.starts("a", 7).at(2).finishes("a", 7).crashes("a").worker("a")
    assert not told.at(3).logs("a", 7, "successful").broken


def test_a_batch_repeated_after_a_lost_answer_is_not_lost(picked):
    told = picked.starts("a", 7).at(2).raises("a", 7).logs("a", 7, "failed")
    assert not told.at(3).logs("a", 7, "failed").broken


def test_an_entrypoint_registered_too_late_to_be_observed_is_not_judged(history):
    told = history(NAME).worker("a", entrypoints=()).enqueue(7).picks("a", 7)
    assert not told.logs("a", 7, "successful").broken


def test_an_emptied_table_forgets(picked):
    picked.starts("a", 7).finishes("a", 7).event("server", e.ServerCrashed(emptied=("queue",)))
    assert picked.enqueue(7).at(3).picks("a", 7).logs("a", 7, "successful").broken
