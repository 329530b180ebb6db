import pytest

from simqueue.model.events import QueueTruncated

NAME = "status-is-true"


@pytest.fixture
def run(history):
    """Worker a runs job 7; worker b looks on."""
    told = history(NAME).worker("a", pooled=True).worker("b").enqueue(7).at(1).picks("a", 7)
    return told.starts("a", 7).at(2)


def variants(told):
    assert {name for name, _ in told.broken} <= {NAME}
    return [broken.variant for _, broken in told.broken]


@pytest.mark.parametrize("status", ["exception", "failed"])
def test_a_requested_retry_that_becomes_a_failure_is_caught(run, status):
    told = run.raises("a", 7, "RetryRequested", retry=True).logs("a", 7, status)
    assert variants(told) == ["retry-lost"]
    assert told.broken[0][1].message == (
        f"a logged job 7 (charge) {status}, though its handler had asked for a retry"
    )


def test_a_retry_that_was_committed_and_then_taken_for_a_failure_is_caught(run):
    told = run.raises("a", 7, retry=True).retries("a", 7).loses("a").at(3)
    assert variants(told.logs("a", 7, "exception")) == ["retry-lost"]


def test_a_failure_logged_successful_is_caught(run):
    told = run.raises("a", 7).logs("a", 7, "successful")
    assert variants(told) == ["raised-as-successful"]
    assert told.broken[0][1].message == (
        "a logged job 7 (charge) successful, though its handler raised ValueError: no money"
    )


@pytest.mark.parametrize("status", ["exception", "failed", "canceled"])
def test_a_success_logged_otherwise_is_caught(run, status):
    told = run.finishes("a", 7).logs("a", 7, status)
    assert variants(told) == [f"returned-as-{status}"]


def test_a_cancelled_job_logged_successful_is_caught(run):
    told = run.finishes("a", 7, cancelled=True).logs("a", 7, "successful")
    assert variants(told) == ["cancelled-as-successful"]


def test_a_cancelled_task_logged_as_a_failure_is_caught(run):
    told = run.raises("a", 7, "CancelledError", cancelled=True).logs("a", 7, "exception")
    assert variants(told) == ["raised-as-exception"]


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({}, "exception"),
        ({}, "failed"),
        ({"error": "CancelledError", "cancelled": True}, "canceled"),
        ({"error": "CancelledError"}, "canceled"),
        ({"cancelled": True}, "exception"),
    ],
)
def test_what_raised_is_logged_so(run, how, status):
    assert not run.raises("a", 7, **how).logs("a", 7, status).broken


def test_what_returned_is_logged_so(run):
    assert not run.finishes("a", 7).logs("a", 7, "successful").broken


def test_what_returned_after_it_was_cancelled_is_logged_canceled(run):
    assert not run.finishes("a", 7, cancelled=True).logs("a", 7, "canceled").broken


def test_a_job_that_a_worker_did_not_run_is_for_another_invariant(run):
    assert not run.raises("a", 7).logs("b", 7, "successful").broken


def test_a_retried_job_is_judged_by_its_last_run(run):
    told = run.raises("a", 7, retry=True).retries("a", 7).at(3).picks("a", 7).starts("a", 7)
    assert not told.at(4).finishes("a", 7).logs("a", 7, "successful").broken


def test_a_retried_job_that_is_cancelled_before_it_runs_again_is_canceled(run):
    told = run.raises("a", 7, retry=True).retries("a", 7).at(3).picks("a", 7)
    assert not told.logs("a", 7, "canceled").broken


def test_a_worker_that_ran_a_job_twice_may_log_both_ends_in_any_order(run):
    told = run.finishes("a", 7).at(32).picks("b", 7).retries("b", 7).picks("a", 7)
    told.starts("a", 7).raises("a", 7)
    assert not told.logs("a", 7, "exception").logs("a", 7, "successful").broken


def test_a_handler_beside_it_may_cancel_a_job_that_is_about_to_be_logged(run):
    told = run.enqueue(8).picks("a", 8).starts("a", 8).finishes("a", 7)
    assert not told.logs("a", 7, "canceled").broken


def test_an_incarnation_does_not_answer_for_what_the_one_before_left_unsaid(run):
    told = run.raises("a", 7, retry=True).crashes("a").at(3).worker("a").at(40).picks("a", 7)
    assert not told.logs("a", 7, "canceled").broken


def test_clients_log_what_they_like(run):
    assert not run.finishes("a", 7).logs("scenario", 7, "exception").broken


def test_an_emptied_table_forgets(run):
    told = run.finishes("a", 7).event("scenario", QueueTruncated()).enqueue(8)
    told.picks("a", 8).starts("a", 8).raises("a", 8).logs("a", 8, "exception")
    assert not told.broken
