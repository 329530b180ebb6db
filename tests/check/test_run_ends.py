from datetime import timedelta

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults

NAME = "run-ends"


def hung(waited, since="+5.000000s"):
    text = f"a was told to stop at {since} and did not end for {waited} although nothing of it ran"
    return NAME, Broken(text)


def stopping(history, **settings):
    return history(NAME, **settings).worker("a").enqueue(1).at(5)


def test_a_worker_that_hangs_after_it_was_told_to_stop_is_caught(history):
    told = stopping(history).event("a", e.WorkerStopping())
    assert told.panel.due(6_000_000) == 35_000_000
    assert told.overdue(34) is None
    assert told.overdue(40) == hung("35 s")


def test_one_that_ends_too_late_is_caught_when_it_does(history):
    told = stopping(history).event("a", e.WorkerStopping()).at(36).event("a", e.WorkerExited())
    assert told.broken == [hung("31 s")]


def test_one_that_ends_in_time_is_not_and_be_it_with_an_error(history):
    told = stopping(history).event("a", e.WorkerStopping())
    assert told.at(35).event("a", e.WorkerExited("ValueError: no")).broken == []


def test_a_worker_may_wait_for_its_handlers_for_ever(history):
    told = stopping(history).picks("a", 1).starts("a", 1).event("a", e.WorkerStopping())
    assert told.panel.due(6_000_000) is None
    assert told.overdue(10_000) is None
    told.at(10_000).finishes("a", 1)
    assert told.at(10_029).event("a", e.WorkerExited()).broken == []


def test_a_worker_may_wait_for_its_schedules_too(history):
    told = stopping(history).ticks("a", 7).event("a", e.WorkerStopping())
    assert told.overdue(10_000) is None
    told.at(10_000).ticked("a", 7)
    assert told.overdue(10_031) is not None


def test_jobs_it_had_picked_may_begin_after_it_was_told(history):
    told = stopping(history).picks("a", 1).event("a", e.WorkerStopping()).starts("a", 1)
    assert told.at(500).finishes("a", 1).at(501).event("a", e.WorkerExited()).broken == []


def test_a_worker_that_is_held_up_ends_later(history):
    told = stopping(history).event("a", e.WorkerStopping()).pauses("a", 60)
    assert told.overdue(90) is None
    assert told.overdue(96) is not None


def test_a_worker_that_is_told_before_it_is_ready_ends_when_it_is(history):
    told = history(NAME).event("a", e.WorkerStarted(1), e.WorkerStopping())
    assert told.overdue(1_000) is None
    told.at(1_000).event("a", e.WorkerReady("a-1"))
    assert told.at(1_020).event("a", e.WorkerExited()).broken == []


def test_a_worker_that_was_killed_has_ended(history):
    told = stopping(history).event("a", e.WorkerStopping()).crashes("a")
    assert told.overdue(100) is None


def test_nothing_is_owed_while_faults_fly(history):
    told = stopping(history, faults=Faults(("slow",))).event("a", e.WorkerStopping())
    assert told.overdue(100) is None
    told.at(100).event("server", e.Healed())
    assert told.overdue(129) is None
    assert told.overdue(130) is not None


def test_in_a_slower_network_a_worker_has_more_time(history):
    slower = {"hop_max": timedelta(seconds=10, milliseconds=250)}
    told = stopping(history, **slower).event("a", e.WorkerStopping())
    assert told.panel.due(6_000_000) == 35_000_000 + 8 * 2 * 10_000_000
    assert told.overdue(194) is None
    assert told.overdue(196) == hung("191 s")
