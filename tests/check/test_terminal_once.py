import pytest

from simqueue.model import events as e
from simqueue.model.config import Faults
from simqueue.model.events import ServerCrashed

NAME = "terminal-once"


@pytest.fixture
def held(history):
    """Worker a has run job 7, and holds it as failed; worker b looks on."""
    told = history(NAME).worker("a", pooled=True).worker("b").enqueue(7).at(1).picks("a", 7)
    return told.starts("a", 7).at(2).raises("a", 7).logs("a", 7, "failed")


def test_a_job_that_ends_twice_is_caught(held):
    name, broken = held.at(2.5).logs("b", 7, "successful").broken[0]
    assert (name, broken.variant) == (NAME, "")
    assert broken.message == (
        "job 7 (charge) was logged failed by a, and 0.5 s later successful by b, though nobody "
        "had put it back"
    )


def test_a_job_named_twice_in_one_batch_is_caught(history):
    told = history(NAME).worker("a").enqueue(7).at(1).picks("a", 7)
    told.at(2).logs("a", 7, "successful").logs("a", 7, "successful")
    assert len(told.broken) == 1


@pytest.mark.parametrize("how", ["requeues", "retries"])
def test_a_job_that_is_put_back_may_end_again(held, how):
    getattr(held, how)("scenario", 7)
    assert not held.at(3).picks("b", 7).logs("b", 7, "failed").broken


@pytest.mark.parametrize("who", ["scenario", "b"])
def test_a_held_job_may_be_cancelled(held, who):
    assert not held.at(3).logs(who, 7, "canceled").broken


def test_clients_log_what_they_like(held):
    assert not held.at(3).logs("scenario", 7, "failed").broken


def test_a_worker_that_lost_the_answer_may_say_it_again(held):
    assert not held.loses("a").at(3).logs("a", 7, "failed").broken


def test_a_worker_that_lost_a_connection_before_may_not(history):
    told = history(NAME).worker("a", pooled=True).loses("a").enqueue(7).at(1).picks("a", 7)
    assert told.logs("a", 7, "failed").at(2).logs("a", 7, "failed").broken


@pytest.mark.parametrize("statement", [5, None])
def test_the_connection_may_have_broken_while_a_statement_was_under_way(history, statement):
    told = history(NAME, faults=Faults(("slow",))).worker("a", pooled=True).enqueue(7)
    told.picks("a", 7).event("a", e.ConnectionLost("a.2", statement))
    told.at(50).logs("a", 7, "failed").at(51).logs("a", 7, "failed")
    assert bool(told.broken) == (statement is None)


def test_a_connection_that_broke_long_before_the_log_excuses_nothing(history):
    told = history(NAME).worker("a", pooled=True).enqueue(7).picks("a", 7)
    told.event("a", e.ConnectionLost("a.2", 5)).at(500).logs("a", 7, "failed")
    assert told.at(501).logs("a", 7, "failed").broken


def test_nor_does_one_that_broke_long_after_the_reply(held):
    assert held.at(500).loses("a").at(501).logs("a", 7, "failed").broken


def test_both_runners_of_a_job_that_was_taken_over_may_log_it(history):
    told = history(NAME).worker("a").worker("b").enqueue(7).at(1).picks("a", 7).starts("a", 7)
    told.pauses("a", 40).at(32).picks("b", 7).starts("b", 7).raises("b", 7).logs("b", 7, "failed")
    assert not told.at(42).raises("a", 7).logs("a", 7, "failed").broken


def test_a_job_taken_from_a_dead_worker_has_one_owner_again(history):
    told = history(NAME).worker("a").worker("b").enqueue(7).at(1).picks("a", 7).starts("a", 7)
    told.crashes("a").at(32).picks("b", 7).starts("b", 7).raises("b", 7).logs("b", 7, "failed")
    assert told.at(40).logs("b", 7, "failed").broken


def test_it_has_not_if_the_dead_worker_had_logged_it(history):
    told = history(NAME).worker("a").worker("b").enqueue(7).at(1).picks("a", 7).starts("a", 7)
    told.pauses("a", 40).at(32).picks("b", 7).starts("b", 7)
    told.at(42).raises("a", 7).logs("a", 7, "failed").crashes("a")
    assert not told.at(900).raises("b", 7).logs("b", 7, "failed").broken


def test_an_emptied_table_forgets(held):
    told = held.event("server", ServerCrashed(emptied=("queue",))).enqueue(7)
    assert not told.picks("a", 7).logs("a", 7, "failed").broken
