from datetime import timedelta

import pytest

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults
from simqueue.model.events import Entry

NAME = "listens-again"
CHANNEL = "ch_pgqueuer"
BOUND = 105.508
"""A minute, the dequeue_timeout, and 20 statements in a slow network, in seconds."""
DUE = 5 + BOUND


@pytest.fixture
def listening(history):
    """Begin with a worker with a pool, which listens."""

    def begin(settings=None, **ready):
        told = history(NAME, **(settings or {})).worker("a", **({"pooled": True} | ready))
        return told.event("a", e.Listening("a", CHANNEL)).at(5)

    return begin


def silenced(told, connection="a", worker="a"):
    """A connection breaks: the server forgets its session first."""
    return told.event(worker, e.Listening(connection, CHANNEL, on=False)).loses(worker, connection)


def dequeues(told, *moments):
    for moment in moments:
        told.at(moment).event("a", e.StatementSent(len(told.entries), "a.2", "dequeue"))
    return told


def deaf(waited, how="it lost its connection a", variant="pool", at="+5.000000s"):
    text = (
        f"a stopped listening to ch_pgqueuer at {at}, when {how}, and for {waited} it has neither "
        "listened again nor ended"
    )
    return NAME, Broken(text, variant)


# --- what is a violation ---


def test_a_worker_that_lost_its_listen_and_goes_on_is_deaf(listening):
    told = silenced(listening())
    assert told.panel.due(6_000_000) == DUE * 1_000_000
    assert told.overdue(DUE - 1) is None
    assert told.overdue(125) == deaf("120 s")


def test_one_that_looks_for_jobs_in_vain_and_then_again_is_caught_at_once(listening):
    told = dequeues(silenced(listening()), 30, 60, 90)
    assert told.broken == []
    assert dequeues(told, 120, 150, 180).broken == [deaf("115 s")]  # once is enough
    assert told.overdue(1_000) is None


def test_jobs_that_come_and_handlers_that_run_are_no_excuse_for_it(listening):
    told = dequeues(silenced(listening()).enqueue(1, 2), 95).picks("a", 1).starts("a", 1)
    assert dequeues(told, 109, 130).broken == [deaf("125 s")]


def test_one_that_listens_again_too_late_was_deaf(listening):
    told = silenced(listening()).at(130).event("a", e.Listening("a.2", CHANNEL))
    assert told.broken == [deaf("125 s")]
    assert told.overdue(1_000) is None


@pytest.mark.parametrize("end", [e.WorkerExited("OSError"), e.WorkerCrashed(), e.WorkerStopping()])
def test_one_that_ends_too_late_was_deaf(listening, end):
    assert silenced(listening()).at(130).event("a", end).broken == [deaf("125 s")]


def test_a_worker_with_one_connection_that_hangs_without_it_is_caught(listening):
    assert silenced(listening(pooled=False)).overdue(125) == deaf("120 s", variant="")


def test_a_dequeue_timeout_is_added_since_the_main_loop_waits_so_long(listening):
    told = silenced(listening(dequeue_timeout=600_000_000))
    assert told.overdue(675) is None
    assert told.overdue(681) is not None


def test_no_run_goes_on_for_hours_to_see_that(listening):
    told = silenced(listening(dequeue_timeout=86_400_000_000))
    assert told.panel.due(6_000_000) is None
    assert told.overdue(90_000) is not None


@pytest.mark.parametrize(
    ("worker", "blow", "how"),
    [
        ("server", e.ServerRestarted(), "a restart of the server broke"),
        ("server", e.ServerCrashed(), "a crash of the server broke"),
        ("a", e.FaultStruck("disconnect"), "an injected fault (disconnect) broke"),
        ("b", e.FaultStruck("disconnect"), "it lost"),
        ("a", e.FaultStruck("slow"), "it lost"),
    ],
)
def test_the_message_says_what_broke_the_connection(listening, worker, blow, how):
    told = silenced(listening().event(worker, blow))
    assert told.overdue(125) == deaf("120 s", f"{how} its connection a")


def test_what_happened_before_did_not_break_it(listening):
    told = silenced(listening().event("server", e.ServerRestarted()).at(6))
    assert told.overdue(126) == deaf("120 s", at="+6.000000s")


def test_a_manager_may_have_a_channel_of_its_own(history):
    told = history(NAME).worker("a", pooled=True).event("a", e.Listening("a", "ch_mine")).loses("a")
    assert "listening to ch_mine" in told.overdue(125)[1].message


def test_each_life_of_a_worker_is_judged_for_itself(listening):
    told = silenced(listening()).at(50).crashes("a").worker("a", pooled=True)
    told.event("a", e.Listening("a", CHANNEL))
    assert told.overdue(1_000) is None
    silenced(told.at(1_000))
    assert told.overdue(999 + BOUND) is None
    assert told.overdue(1_000 + BOUND) is not None


# --- what is none ---


def test_a_worker_that_listens_is_none(listening):
    assert dequeues(listening(), 100, 200, 300).overdue(1_000) is None


def test_one_that_listens_again_at_the_last_moment_is_none(listening):
    told = dequeues(silenced(listening()), 90, 100).at(DUE).event("a", e.Listening("a.2", CHANNEL))
    assert dequeues(told, 200, 300).broken == []
    assert told.overdue(1_000) is None


@pytest.mark.parametrize("end", [e.WorkerExited("OSError"), e.WorkerCrashed(), e.WorkerStopping()])
def test_one_that_ends_in_time_is_none(listening, end):
    told = silenced(listening()).at(DUE).event("a", end)
    assert told.broken == []
    assert told.overdue(1_000) is None
    assert told.panel.due(1_000_000_000) is None


def test_a_loss_after_it_listened_again_counts_for_itself(listening):
    told = silenced(listening()).at(100).event("a", e.Listening("a.2", CHANNEL))
    silenced(told.at(101), "a.2")
    assert told.overdue(100 + BOUND) is None
    assert "ch_pgqueuer at +101.000000s" in told.overdue(101 + BOUND)[1].message


def test_a_loss_of_another_connection_changes_nothing(listening):
    told = listening().loses("a", "a.2")
    assert told.overdue(1_000) is None
    silenced(told.at(1_000)).at(1_050).loses("a", "a.3")
    assert told.overdue(999 + BOUND) is None
    assert told.overdue(1_000 + BOUND) is not None


def test_a_worker_that_still_listens_over_another_connection_is_none(listening):
    assert silenced(listening().event("a", e.Listening("a.2", CHANNEL))).overdue(1_000) is None


def test_what_the_application_listens_to_itself_does_not_matter(listening):
    told = listening().event("a", e.Listening("a.9", "mine")).loses("a", "a.9")
    assert told.overdue(1_000) is None
    silenced(told).at(6).event("a", e.Listening("a.10", "mine"))
    assert told.overdue(125) is not None


def test_a_worker_that_never_listened_has_lost_nothing(history):
    told = history(NAME).worker("a", pooled=True).at(5).loses("a")
    assert told.overdue(1_000) is None


def test_a_worker_that_stops_listening_of_itself_has_lost_nothing(listening):
    told = listening().event("a", e.Listening("a", CHANNEL, on=False)).at(6).loses("a")
    assert told.overdue(1_000) is None


def test_a_worker_in_drain_mode_ends_anyhow(listening):
    assert dequeues(silenced(listening(drain=True)), 60, 120, 180).overdue(1_000) is None


def test_one_that_was_told_to_stop_is_for_run_ends_to_judge(listening):
    told = silenced(listening()).event("a", e.WorkerStopping())
    assert dequeues(told, 100, 200).overdue(1_000) is None


def test_a_handler_that_runs_may_be_what_it_waits_for(listening):
    told = silenced(listening().enqueue(1).picks("a", 1).starts("a", 1))
    assert told.overdue(1_000) is None
    told.at(1_000).finishes("a", 1)
    assert told.overdue(999 + BOUND) is None
    assert told.overdue(1_000 + BOUND) is not None


def test_a_handler_that_dequeues_by_itself_is_not_the_managers_loop(listening):
    told = silenced(listening().enqueue(1).picks("a", 1).starts("a", 1))
    number = len(told.entries) - 1
    for moment in (120, 150, 180):
        sent = e.StatementSent(moment, "a.2", "dequeue")
        entry = Entry(moment * 1_000_000, "a", sent, cause=number)
        assert told.panel.see(entry) == ()


def test_one_that_always_finds_jobs_has_not_come_to_check_its_listener(listening):
    told = silenced(listening().enqueue(*range(1, 21)))
    for job in range(1, 21):
        dequeues(told, 10 * job).picks("a", job)
    assert told.broken == []
    assert told.overdue(210) is None


def test_a_paused_worker_has_its_time_afterwards(listening):
    told = silenced(listening()).at(6).pauses("a", 300)
    assert told.overdue(305 + BOUND) is None
    assert told.overdue(306 + BOUND) is not None


def test_so_has_one_that_the_server_does_not_let_in(listening):
    told = silenced(listening())
    for moment in range(10, 610, 20):
        told.at(moment).event("a", e.ConnectionRefused("a.4", "57P03"))
    assert told.overdue(589 + BOUND) is None
    assert told.overdue(590 + BOUND) is not None


def test_nothing_is_owed_while_faults_fly(listening):
    told = dequeues(silenced(listening({"faults": Faults(("disconnect",))})), 100, 200, 300)
    assert told.broken == []
    assert told.overdue(400) is None
    told.at(400).event("server", e.Healed())
    assert told.overdue(399 + BOUND) is None
    assert told.overdue(400 + BOUND) is not None


def test_a_slow_network_gives_more_time(listening):
    told = silenced(listening({"hop_max": timedelta(seconds=5)}))
    assert told.overdue(250) is None
