from simqueue.check.idle import Idle
from simqueue.model import events as e


def since(told, at, name="a"):
    """Return since when a worker was idle at a moment, in seconds."""
    idle = Idle(told.panel.view)
    for entry in told.entries:
        idle.take(entry)
    found = idle.since(told.panel.view.workers[name], at * 1_000_000)
    return None if found is None else found / 1_000_000


def test_an_idle_worker_is_idle_since_it_listens(history):
    told = history().worker("a").at(3).event("a", e.Listening("a", "ch"))
    assert since(told, 10) == 3


def test_what_it_listened_to_before_it_was_ready_tells_nothing(history):
    told = history().event("a", e.WorkerStarted(1), e.Listening("a", "mine")).at(5)
    told.event("a", e.WorkerReady("a-1", (("charge", 0),)))
    assert since(told, 10) > 10


def test_its_last_deed_counts_be_it_a_pick_a_handler_or_a_stall(history):
    told = history().worker("a").event("a", e.Listening("a", "ch")).enqueue(1).at(2).picks("a", 1)
    assert since(told, 3) == 2
    told.starts("a", 1)
    assert since(told, 3) is None
    told.at(4).finishes("a", 1)
    assert since(told, 5) == 4
    told.at(6).blocks("a", 2)
    assert since(told, 7) == 8


def test_a_thread_that_sleeps_keeps_no_worker_busy(history):
    told = history().worker("a").at(3).event("a", e.Listening("a", "ch")).at(6).sleeps("a", 100)
    assert since(told, 10) == 3


def test_what_it_picks_at_this_very_moment_does_not_count(history):
    told = history().worker("a").at(1).event("a", e.Listening("a", "ch")).enqueue(1, 2)
    told.at(9).picks("a", 1, 2)
    assert since(told, 9) == 1


def test_all_invariants_of_a_run_share_one_that_is_as_it_was_before_an_event(history):
    told = history()
    view = told.panel.view
    idle = view.books[Idle]
    assert Idle.of(view) is idle
    assert Idle.of(history().panel.view) is not idle
    told.worker("a").at(1).event("a", e.Listening("a", "ch")).enqueue(1).at(9).picks("a", 1)
    assert idle.since(view.workers["a"], 10_000_000) == 9_000_000
