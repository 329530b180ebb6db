from datetime import timedelta

import pytest

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults

NAME = "no-starvation"


def late(how, job=1, worker="a", since="+1.000000s", waited="20 s"):
    text = (
        f"job {job} (charge), {how} and due since {since}, waited for {waited} while {worker} was "
        "idle and could take it"
    )
    return [(NAME, Broken(text, how, jobs=(job,)))]


@pytest.fixture
def idle(history):
    """Begin with a worker that listens and has nothing to do."""

    def begin(entrypoints=("charge",), settings=None, **ready):
        told = history(NAME, **(settings or {})).worker("a", entrypoints, **ready)
        return told.event("a", e.Listening("a", "ch_pgqueuer"))

    return begin


def done(told, name, job, status="successful"):
    return told.finishes(name, job).logs(name, job, status)


def retried(told):
    told.enqueue(1).picks("a", 1).starts("a", 1)
    return told.at(1).raises("a", 1, retry=True).retries("a", 1)


def test_a_retried_job_that_an_idle_worker_leaves_is_starved(idle):
    told = retried(idle()).at(21).picks("a", 1)
    assert told.broken == late("retried")


def test_one_that_is_never_picked_is_owed(idle):
    told = retried(idle())
    assert told.panel.due(2_000_000) == 11_000_000
    assert told.overdue(10.9) is None
    assert [told.overdue(21)] == late("retried")


def test_patience_is_what_the_run_says_it_is(idle):
    told = retried(idle(settings={"patience": timedelta(seconds=30)})).at(21).picks("a", 1)
    assert told.broken == []


def test_a_job_that_was_enqueued_requeued_or_deferred_may_starve_too(idle):
    assert idle().at(1).enqueue(1).at(21).picks("a", 1).broken == late("enqueued")
    assert idle().enqueue(1, due=1).at(21).picks("a", 1).broken == late("deferred")
    told = idle().enqueue(1).picks("a", 1).starts("a", 1).raises("a", 1).logs("a", 1, "failed")
    assert told.at(1).requeues("scenario", 1).at(21).picks("a", 1).broken == late("requeued")


def test_a_job_that_is_picked_within_the_patience_is_not_starved(idle):
    assert idle().enqueue(1).at(10).picks("a", 1).broken == []


def test_a_deferred_job_is_owed_nothing_before_it_is_due(idle):
    told = idle().enqueue(1, due=86_400)
    assert told.panel.due(50_000_000) is None
    assert told.overdue(86_000) is None


def test_a_worker_that_runs_something_is_not_idle(idle):
    told = idle().enqueue(1, 2).picks("a", 1).starts("a", 1)
    assert told.overdue(100) is None
    done(told.at(100), "a", 1)
    assert told.overdue(109) is None
    assert told.overdue(110)[1].variant == "enqueued"


def test_a_worker_that_runs_a_schedule_is_not_idle(idle):
    told = idle().ticks("a", 1).enqueue(1)
    assert told.overdue(100) is None


def test_a_worker_that_picks_one_job_after_another_is_not_idle(idle):
    told = idle()
    told.enqueue(*range(1, 21))
    for number in range(1, 21):
        told.at(5 * number).picks("a", number).starts("a", number)
        done(told, "a", number)
    assert told.broken == []


def test_all_jobs_of_one_statement_are_judged_by_what_was_before_it(idle):
    told = idle().enqueue(1, 2).at(20).picks("a", 1, 2)
    assert [broken.variant for _, broken in told.broken] == ["enqueued", "enqueued"]


def test_an_idle_worker_is_to_blame_also_when_another_one_picks_the_job(history):
    told = history(NAME).worker("a").worker("b")
    told.event("a", e.Listening("a", "ch")).event("b", e.Listening("b", "ch"))
    told.at(1).enqueue(1).at(15).picks("b", 1).starts("b", 1)
    assert told.broken == late("enqueued", waited="14 s")


def test_a_worker_that_did_not_register_the_entrypoint_need_not_take_its_jobs(idle):
    told = idle(entrypoints=("mail",)).enqueue(1)
    assert told.overdue(100) is None


def test_jobs_wait_for_capacity(idle):
    told = idle(entrypoints={"charge": 1}).worker("b", {"charge": 1})
    told.enqueue(1, 2).picks("b", 1).starts("b", 1)
    assert told.overdue(100) is None
    done(told.at(100), "b", 1)
    assert told.overdue(109) is None
    told.at(111).picks("a", 2)
    assert [broken.variant for _, broken in told.broken] == ["enqueued"]


def test_capacity_that_is_freed_just_before_the_claim_is_no_complaint(idle):
    told = idle(entrypoints={"charge": 1}).worker("b", {"charge": 1})
    told.enqueue(1, 2).picks("b", 1).starts("b", 1).at(100)
    assert done(told, "b", 1).at(101).picks("a", 2).broken == []


def test_a_worker_that_holds_as_many_jobs_as_it_may_takes_none(idle):
    told = idle(tasks_max=1).enqueue(1, 2).picks("a", 1).starts("a", 1).at(1).finishes("a", 1)
    assert told.overdue(100) is None
    told.at(100).logs("a", 1, "successful")
    assert told.overdue(109) is None
    assert told.overdue(110) is not None


@pytest.mark.parametrize(
    "hindrance",
    [
        lambda told: told.event("a", e.WorkerStopping()),
        lambda told: told.loses("a"),
        lambda told: told.crashes("a"),
        lambda told: told.event("a", e.WorkerExited()),
        lambda told: told.pauses("a", 95),
        lambda told: told.blocks("a", 95),
    ],
)
def test_a_worker_that_cannot_take_anything_is_not_idle(idle, hindrance):
    told = hindrance(idle().enqueue(1))
    assert told.overdue(100) is None


def test_a_pause_that_is_cut_short_counts_no_longer(idle):
    told = idle().enqueue(1).pauses("a", 95).at(5).event("a", e.WorkerResumed())
    assert told.overdue(14.9) is None
    assert told.overdue(15.1) is not None


def test_a_worker_that_lost_its_ears_has_its_dequeue_timeout_more(idle):
    told = idle(pooled=True).enqueue(1).loses("a")
    assert told.overdue(39) is None
    assert told.overdue(41) is not None


def test_one_that_listens_again_has_no_more_time_than_others(idle):
    told = idle(pooled=True).loses("a").at(5).event("a", e.Listening("a.2", "ch_pgqueuer"))
    told.at(6).enqueue(1)
    assert told.overdue(15) is None
    assert told.overdue(17) is not None


def test_one_that_listens_to_something_else_is_still_deaf(idle):
    told = idle(pooled=True).loses("a").at(5).event("a", e.Listening("a.2", "mine"))
    assert told.at(6).enqueue(1).overdue(17) is None


def test_a_worker_that_lost_a_connection_and_dequeues_over_another_is_connected(idle):
    told = idle().loses("a", "a.2").enqueue(1).at(30)
    assert told.overdue(30) is None
    told.event("a", e.StatementSent(9, "a", "dequeue"))
    assert told.overdue(39) is None
    assert told.overdue(41) == late("enqueued", since="+0.000000s", waited="11 s")[0]


def test_a_worker_that_starts_has_much_to_ask_before_it_listens(history):
    told = history(NAME).worker("a").enqueue(1)
    assert told.overdue(20) is None
    told.at(20).event("a", e.Listening("a", "ch"))
    assert told.overdue(29) is None
    assert told.overdue(31) is not None


def test_nothing_is_owed_while_faults_fly(history):
    told = history(NAME, faults=Faults(("pause",))).worker("a").enqueue(1)
    assert told.panel.due(100_000_000) is None
    assert told.overdue(100) is None
    told.at(100).event("server", e.Healed())
    assert told.overdue(109) is None
    assert told.overdue(111) is not None


def test_jobs_that_are_gone_are_owed_nothing(idle):
    assert idle().enqueue(1).logs("scenario", 1, "canceled").overdue(100) is None
    assert idle().enqueue(1).event("scenario", e.JobDeleted(1)).overdue(100) is None
    assert idle().enqueue(1).event("scenario", e.QueueTruncated()).overdue(100) is None


def test_a_worker_that_was_restarted_is_judged_by_its_own_time(idle):
    told = idle().enqueue(1).at(5).crashes("a").at(6).worker("a").at(7)
    told.event("a", e.Listening("a", "ch"))
    assert told.overdue(16.9) is None
    assert told.overdue(17) is not None


def test_in_a_slower_network_a_job_may_wait_longer_and_in_a_faster_one_as_long(idle):
    slower = retried(idle(settings={"commit_max": timedelta(seconds=5, milliseconds=250)}))
    assert slower.panel.due(2_000_000) == 11_000_000 + 8 * 5_000_000
    faster = retried(idle(settings={"commit_max": timedelta(0)}))
    assert faster.panel.due(2_000_000) == 11_000_000
