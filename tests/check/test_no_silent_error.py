import pytest

from simqueue.check import Broken
from simqueue.model import events as e
from simqueue.model.config import Faults

NAME = "no-silent-error"


@pytest.fixture
def told(history):
    return history(NAME).worker("a")


def test_an_error_that_nobody_awaits_is_told_by_its_coroutine(told):
    message = "Task exception was never retrieved (task QueueManager._probe#12)"
    told.event("a", e.TaskFailed(message, "OSError: gone"))
    text = "on a: Task exception was never retrieved (task QueueManager._probe): OSError: gone"
    assert told.broken == [(NAME, Broken(text, "unawaited:QueueManager._probe"))]


def test_one_that_no_task_has_raised_is_told_by_what_the_loop_says_of_it(told):
    told.event("a", e.TaskFailed("Exception in callback notify\nmore", "ValueError: 7"))
    assert told.broken[0][1].variant == "unawaited:Exception in callback notify"


def test_numbers_in_names_are_no_part_of_a_signature(told):
    told.event("a", e.TaskFailed("Task exception was never retrieved (task job-17)", "E"))
    assert told.broken[0][1].variant == "unawaited:job-N"


def test_an_error_that_nobody_looks_at_is_ignored(told):
    told.event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    text = "task beat of a ended with an error that nobody looks at: OSError: gone"
    assert told.broken == [(NAME, Broken(text, "ignored:beat"))]


@pytest.mark.parametrize(
    "excuse",
    [
        lambda told: told.starts("a", 1),
        lambda told: told.ticks("a", 1),
        lambda told: told.at(150).pauses("a", 30),
        lambda told: told.worker("a", dequeue_timeout=60_000_000),
    ],
)
def test_one_that_somebody_may_yet_look_at_is_not(told, excuse):
    excuse(told).at(200).event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    assert told.broken == []


@pytest.mark.parametrize(
    "excuse",
    [
        lambda told: told.at(150).pauses("a", 30),
        lambda told: told.worker("a", dequeue_timeout=60_000_000),
    ],
)
def test_one_that_nobody_looks_at_for_longer_is_ignored_all_the_same(told, excuse):
    excuse(told).at(200).event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    told.at(260).event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    assert [broken.variant for _, broken in told.broken] == ["ignored:beat"]
    assert len(told.at(380).event("a", e.ErrorIgnored("beat#3", "OSError: gone")).broken) == 1


def test_faults_excuse_an_error_only_until_they_are_over(history):
    told = history(NAME, faults=Faults(("slow",))).worker("a")
    told.at(50).event("a", e.ErrorIgnored("beat#3", "OSError: gone")).at(60)
    told.event("server", e.Healed()).at(110).event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    assert told.broken == []
    assert told.at(230).event("a", e.ErrorIgnored("beat#3", "OSError: gone")).broken


@pytest.mark.parametrize(("healed", "ignored"), [(None, 0), (100, 0), (50, 1)])
def test_who_is_held_up_by_faults_cannot_look(history, healed, ignored):
    told = history(NAME, faults=Faults(("slow",))).worker("a")
    if healed is not None:
        told.at(healed).event("server", e.Healed())
    told.at(200).event("a", e.ErrorIgnored("beat#3", "OSError: gone"))
    assert len(told.broken) == ignored


def test_tasks_that_are_left_behind_are_leaked(told):
    told.event("a", e.TasksLeaked(("wait#2", "beat#1", "beat#4")), e.WorkerExited())
    text = "run() of a returned while 3 task(s) were not done: beat, wait"
    assert told.broken == [(NAME, Broken(text, "leaked:beat, wait"))]


def test_it_does_not_matter_whether_they_are_told_of_before_or_after_the_exit(told):
    told.event("a", e.WorkerExited(), e.TasksLeaked(("beat#1",)))
    assert told.broken[0][1].variant == "leaked:beat"


@pytest.mark.parametrize("first", [True, False])
def test_a_worker_that_ended_with_an_error_may_leave_tasks(told, first):
    events = e.TasksLeaked(("beat#1",)), e.WorkerExited("OSError: gone")
    told.event("a", *(events if first else reversed(events)))
    assert told.broken == []


def test_a_worker_that_was_killed_may_leave_anything(told):
    told.crashes("a").event("a", e.TaskFailed("m (task x#1)", "E"), e.TasksLeaked(("beat#1",)))
    assert told.broken == []


def test_its_next_incarnation_may_not(told):
    told.crashes("a").worker("a").event("a", e.ErrorIgnored("beat#3", "E"))
    assert len(told.broken) == 1


def test_a_task_of_the_scenario_that_fails_unseen_is_told(told):
    told.event("scenario", e.ErrorIgnored("t#1", "E"), e.TaskFailed("m", ""))
    assert told.broken == []
    told.event("scenario", e.TaskFailed("m (task check#1)", "AssertionError"))
    ((_, broken),) = told.broken
    assert broken.message == "on the scenario: m (task check): AssertionError"
