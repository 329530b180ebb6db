from datetime import timedelta

import pytest

from simqueue.model import events as e

NAME = "single-runner"
LONG, SHORT = 30_000_000, 10_000_000


@pytest.fixture
def running(history):
    """Worker a runs job 7 since second 1; worker b looks on."""

    def begin(timeout=LONG, picker=LONG, **how):
        told = history(NAME).worker("a", heartbeat_timeout=timeout, **how)
        told.worker("b", heartbeat_timeout=picker).enqueue(7)
        return told.at(1).picks("a", 7).starts("a", 7)

    return begin


def variants(told):
    assert {name for name, _ in told.broken} <= {NAME}
    return [broken.variant for _, broken in told.broken]


def test_a_job_taken_from_a_worker_that_is_well_is_caught(running):
    told = running().at(19).beats("a", 7).at(49.5).picks("b", 7)
    assert variants(told) == ["stale"]
    assert told.broken[0][1].message == (
        "job 7 was running on a (alive, connected, silent for 30.5 s) when b picked it"
    )


def test_a_worker_that_is_told_to_stop_still_has_its_jobs(running):
    told = running().at(5).event("a", e.WorkerStopping()).at(40).picks("b", 7)
    assert "a (alive, told to stop, connected, silent for 39 s)" in told.broken[0][1].message


def test_a_loop_that_was_blocked_is_an_excuse_and_a_thread_that_slept_is_none(running):
    assert not running().at(20).blocks("a", 20).at(49.5).picks("b", 7).broken
    assert variants(running().at(20).sleeps("a", 20).at(49.5).picks("b", 7)) == ["stale"]


def test_one_rejected_statement_is_no_excuse(running):
    told = running().at(20).event("a", e.StatementFailed(9, "40001", "try again"))
    assert variants(told.at(32).picks("b", 7)) == ["stale"]


def test_two_rejected_statements_are(running):
    told = running()
    for second in (20, 24):
        told.at(second).event("a", e.StatementFailed(9, "40001", "try again"))
    assert not told.at(32).picks("b", 7).broken


def test_statements_that_were_rejected_before_the_last_beat_are_no_excuse(running):
    told = running().at(10)
    told.event("a", e.StatementFailed(9, "40001", ""), e.StatementFailed(10, "40001", ""))
    assert variants(told.at(16).beats("a", 7).at(47).picks("b", 7)) == ["stale"]


def test_a_unique_violation_delays_no_beat(running):
    told = running().at(10)
    for number in range(5):
        told.event("a", e.StatementFailed(number, "23505", "taken"))
    assert variants(told.at(40).picks("b", 7)) == ["stale"]


@pytest.mark.parametrize("fate", ["pauses", "blocks"])
def test_a_worker_that_could_not_run_is_excused(running, fate):
    told = running().at(15)
    getattr(told, fate)("a", 20)
    assert not told.at(32).picks("b", 7).broken


def test_a_pause_too_short_to_matter_is_no_excuse(running):
    assert variants(running().at(15).pauses("a", 2).at(32).picks("b", 7)) == ["stale"]


def test_a_pause_before_the_last_beat_is_no_excuse(running):
    told = running().at(2).pauses("a", 12).at(15).beats("a", 7).at(46).picks("b", 7)
    assert variants(told) == ["stale"]


def test_a_worker_without_its_connection_is_excused(running):
    assert not running().at(15).loses("a").at(32).picks("b", 7).broken


def test_a_loss_of_another_connection_is_no_excuse_once_the_worker_has_gone_on(running):
    told = running().at(15).loses("a", "a.2").at(20).beats("a", 7)
    told.event("a", e.StatementSent(9, "a", "dequeue"))
    assert variants(told.at(52).picks("b", 7)) == ["stale"]


def test_it_is_one_while_no_beat_has_come_since(running):
    told = running().at(15).loses("a", "a.2").at(20)
    told.event("a", e.StatementSent(9, "a", "dequeue"))
    assert not told.at(42).picks("b", 7).broken


def test_a_pool_that_lost_one_connection_is_not(running):
    assert variants(running(pooled=True).at(15).loses("a").at(32).picks("b", 7)) == ["stale"]


def test_a_pool_that_cannot_connect_is_excused(running):
    told = running(pooled=True).at(15).loses("a")
    told.at(20).event("a", e.ConnectionRefused("a.2", "57P03"))
    assert not told.at(32).picks("b", 7).broken


def test_workers_that_disagree_on_the_timeout_are_not_judged(running):
    assert not running(picker=SHORT).at(12).picks("b", 7).broken


def test_a_timeout_shorter_than_the_network_allows_is_not_judged(running):
    assert not running(timeout=2_000_000, picker=2_000_000).at(4).picks("b", 7).broken


def test_a_short_timeout_is_judged_where_the_network_is_fast(history):
    calm = dict.fromkeys(("hop_max", "commit_max", "lag_max"), timedelta(0))
    told = history(NAME, **calm)
    for worker in "ab":
        told.worker(worker, heartbeat_timeout=2_000_000)
    told.enqueue(7).at(1).picks("a", 7).starts("a", 7)
    assert variants(told.at(4).picks("b", 7)) == ["stale"]


def test_a_worker_that_crashed_runs_nothing(running):
    assert not running().at(3).crashes("a").at(32).picks("b", 7).broken


def test_a_handler_that_has_ended_runs_nothing(running):
    assert not running().at(3).finishes("a", 7).at(32).picks("b", 7).broken


def test_a_worker_that_runs_its_own_job_a_second_time_is_caught_whatever_held_it_up(running):
    told = running().at(2).blocks("a", 40).at(42).picks("a", 7)
    assert not told.broken
    told.starts("a", 7)
    assert variants(told) == ["own"]
    assert told.broken[0][1].message == (
        "a started job 7 a second time, while its first run, begun 41 s before, still went on"
    )


def test_a_worker_may_claim_its_own_job_and_leave_it_running(running):
    assert not running().at(2).blocks("a", 40).at(42).picks("a", 7).finishes("a", 7).broken


def test_a_retried_job_runs_again(running):
    told = running().at(2).raises("a", 7, retry=True).retries("a", 7).at(3)
    assert not told.picks("a", 7).starts("a", 7).broken


def test_a_job_that_somebody_put_back_while_it_runs_is_caught(running):
    told = running().at(5).retries("b", 7).at(6).picks("b", 7)
    assert variants(told) == ["fresh"]
    assert told.broken[0][1].message == (
        "job 7 was running on a (alive, connected) when b picked it, since somebody else had "
        "put it back"
    )


def test_a_job_put_back_while_its_runner_is_paused_is_not(running):
    assert not running().at(5).pauses("a", 9).retries("b", 7).at(6).picks("b", 7).broken


@pytest.mark.parametrize("put_back", ["retries", "requeues"])
def test_what_a_client_puts_back_by_hand_may_run_twice(running, put_back):
    told = running().at(5)
    if put_back == "requeues":
        told.logs("scenario", 7, "failed")
    getattr(told, put_back)("scenario", 7)
    assert not told.at(6).picks("b", 7).starts("b", 7).broken


def test_a_run_that_lost_its_lease_once_is_not_protected_when_the_second_run_is_retried(running):
    told = running().at(2).pauses("a", 60).at(32).picks("b", 7).starts("b", 7)
    told.at(33).raises("b", 7, retry=True).retries("b", 7)
    told.worker("c").at(70).picks("c", 7).starts("c", 7)
    assert not told.broken


def test_the_second_run_is_protected_from_what_the_first_says_late(running):
    told = running().worker("c").at(2).pauses("a", 60).at(32).picks("b", 7).starts("b", 7)
    told.at(62).beats("b", 7).raises("a", 7, retry=True).retries("a", 7).picks("c", 7)
    assert variants(told) == ["fresh"]
    assert "running on b" in told.broken[0][1].message


@pytest.mark.parametrize("emptying", [e.DatabaseDropped(), e.ServerCrashed(emptied=("queue",))])
@pytest.mark.parametrize("picker", ["a", "b"])
def test_a_new_job_with_an_old_id_is_not_the_old_one(running, emptying, picker):
    told = running().at(5).event("server", emptying).enqueue(7)
    assert not told.at(6).picks(picker, 7).starts(picker, 7).broken


def test_a_client_that_claims_by_itself_may_call_jobs_stale_when_it_likes(running):
    told = running().at(5)
    told.event("scenario", e.JobPicked(7, "by hand", previous="a-1", stale=True))
    assert not told.broken
