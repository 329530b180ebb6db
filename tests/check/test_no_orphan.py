from datetime import timedelta

import pytest

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults

NAME = "no-orphan"


@pytest.fixture
def abandoned(history):
    """Begin with a job whose worker was killed, and another worker that could take it over."""

    def begin(entrypoints=("charge",), settings=None, **ready):
        told = history(NAME, **(settings or {})).worker("dead").enqueue(1).picks("dead", 1)
        told.starts("dead", 1).at(1).crashes("dead").worker("b", entrypoints, **ready)
        return told.event("b", e.Listening("b", "ch"))

    return begin


# --- a worker that ended of itself ---


def test_a_worker_that_shuts_down_and_keeps_jobs_leaves_orphans(history):
    told = history(NAME).worker("a").enqueue(1, 2).picks("a", 1, 2)
    told.event("a", e.WorkerStopping(), e.WorkerExited())
    text = "a shut down and left 2 job(s) picked in its name: 1, 2"
    assert told.broken == [(NAME, Broken(text, jobs=(1, 2)))]


@pytest.mark.parametrize(
    "excuse",
    [
        e.ConnectionLost("a"),
        e.WorkerExited("ValueError: no"),
        e.FaultStruck("fail", "57014"),
    ],
)
def test_one_that_could_give_nothing_back_has_an_excuse(history, excuse):
    told = history(NAME).worker("a").enqueue(1).picks("a", 1).event("a", excuse, e.WorkerExited())
    assert told.broken == []


@pytest.mark.parametrize("excuse", [e.ConnectionLost("a.2"), e.FaultStruck("fail", "57014")])
def test_the_excuse_is_only_for_what_it_held_then(history, excuse):
    told = history(NAME).worker("a", pooled=True).enqueue(1, 2).picks("a", 1).event("a", excuse)
    told.at(500).picks("a", 2).event("a", e.WorkerStopping(), e.WorkerExited())
    text = "a shut down and left 1 job(s) picked in its name: 2"
    assert told.broken == [(NAME, Broken(text, jobs=(2,)))]


def test_and_for_what_it_claimed_with_a_statement_that_was_under_way(history):
    told = history(NAME).worker("a", pooled=True).enqueue(1).event("a", e.ConnectionLost("a.2", 9))
    assert told.at(0.5).picks("a", 1).event("a", e.WorkerExited()).broken == []


def test_one_that_was_slowed_down_has_none(history):
    told = history(NAME).worker("a").enqueue(1).picks("a", 1)
    told.event("a", e.FaultStruck("slow", "3 s"), e.WorkerExited())
    assert len(told.broken) == 1


# --- one that did not ---


def test_a_job_that_nobody_takes_over_is_an_orphan_for_ever(abandoned):
    told = abandoned()
    # Silent for 30 s, looked for after 30 s more, 10 s of patience, and a few for the network.
    assert told.panel.due(1_000_000) == 76_001_600
    assert told.overdue(75) is None
    text = (
        "job 1 (charge) stayed picked in the name of dead, which has ended, silent for 80 s since "
        "+0.000000s, although b was idle and could take it over"
    )
    assert told.overdue(80) == (NAME, Broken(text, "forever", jobs=(1,)))


def test_a_job_that_is_taken_over_at_long_last_was_one_all_the_same(abandoned):
    told = abandoned().at(100).picks("b", 1)
    assert [broken.variant for _, broken in told.broken] == ["forever"]


def test_a_job_that_is_taken_over_in_time_is_none(abandoned):
    told = abandoned().at(70).picks("b", 1)
    assert told.broken == []


def test_the_timeouts_are_those_of_the_worker_that_could_take_it(abandoned):
    told = abandoned(heartbeat_timeout=60_000_000, dequeue_timeout=5_000_000)
    assert told.panel.due(1_000_000) == 81_001_600


def test_nobody_need_take_over_what_it_did_not_register(abandoned):
    assert abandoned(entrypoints=("mail",)).overdue(1_000) is None


def test_a_worker_that_is_busy_need_not_take_it_over(abandoned):
    told = abandoned().enqueue(2).at(2).picks("b", 2).starts("b", 2)
    assert told.overdue(1_000) is None
    assert told.at(1_000).finishes("b", 2).logs("b", 2, "successful").overdue(1_070) is None


def test_the_time_counts_from_the_last_beat(abandoned):
    told = abandoned().at(50).beats("b", 1)
    assert told.overdue(100) is None
    assert told.overdue(127) is not None


def test_a_worker_that_runs_a_job_may_be_silent_for_single_runner_to_judge(history):
    told = history(NAME).worker("a").worker("b").enqueue(1).picks("a", 1).starts("a", 1)
    assert told.overdue(1_000) is None


def test_a_worker_that_never_calls_the_handler_of_what_it_claims_skips_it(history):
    told = history(NAME).worker("a").enqueue(1).picks("a", 1)
    assert told.overdue(9) is None
    text = (
        "job 1 (charge) was picked by a at +0.000000s, which has not called its handler in the "
        "12 s since"
    )
    assert told.overdue(12) == (NAME, Broken(text, "skipped", jobs=(1,)))


def test_it_may_be_held_up_or_be_ending_or_have_lost_the_news(history):
    claimed = history(NAME).worker("a").enqueue(1).picks("a", 1)
    assert claimed.event("a", e.LoopBlocked(60_000_000)).overdue(69) is None
    assert claimed.overdue(71)[1].variant == "skipped"
    for excuse in (e.WorkerStopping(), e.ConnectionLost("a")):
        told = history(NAME).worker("a").enqueue(1).picks("a", 1).event("a", excuse)
        assert told.overdue(30) is None


def test_a_skipped_job_that_is_claimed_again_was_skipped_all_the_same(history):
    told = history(NAME).worker("a").enqueue(1).picks("a", 1).at(31).picks("a", 1, stale=True)
    assert [broken.variant for _, broken in told.broken] == ["skipped"]


def test_a_job_that_is_started_or_taken_away_in_time_is_not_skipped(history):
    assert history(NAME).worker("a").enqueue(1).picks("a", 1).starts("a", 1).overdue(30) is None
    told = history(NAME).worker("a").enqueue(1).picks("a", 1)
    assert told.event("operator", e.JobLogged(1, "canceled", "charge", 0)).overdue(30) is None


def test_a_job_whose_handler_has_ended_counts_from_then(history):
    told = history(NAME).worker("a").worker("b").enqueue(1).picks("a", 1).starts("a", 1)
    told.at(200).finishes("a", 1)
    assert told.overdue(270) is None


def test_a_manager_that_nobody_knows_may_leave_orphans_too(history):
    told = history(NAME).worker("b").enqueue(1)
    told.event("scenario", e.JobPicked(1, "somebody"))
    assert "a manager that nobody knows" in told.overdue(200)[1].message


def test_nothing_is_owed_while_faults_fly(abandoned):
    told = abandoned(settings={"faults": Faults(("crash",))})
    assert told.overdue(1_000) is None
    told.at(1_000).event("server", e.Healed())
    assert told.overdue(1_070) is None
    assert told.overdue(1_077) is not None


def test_in_a_slower_network_a_worker_may_start_a_claimed_job_later(history):
    slower = {"hop_max": timedelta(seconds=10, milliseconds=250)}
    told = history(NAME, **slower).worker("a").enqueue(1).picks("a", 1)
    assert told.overdue(169) is None
    assert told.overdue(171)[1].variant == "skipped"
