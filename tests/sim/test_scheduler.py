import itertools

import pytest

from simqueue.choices import Calm, Choices, Recording, Seeded
from simqueue.sim.kernel.handles import Handle
from simqueue.sim.kernel.scheduler import Deadlock, Livelock, Scheduler, TimeLimit


def make(source=None, **settings):
    defaults = {
        "limit_us": 10**9,
        "lag_max_us": 250_000,
        "steps_per_instant_max": 10_000,
        "collect": lambda: None,
        "on_exit": lambda process, error: pytest.fail(f"{process.name}: {error!r}"),
        "on_error": lambda handle, error: pytest.fail(f"{handle}: {error!r}"),
    }
    return Scheduler(Choices(source or Calm()), **(defaults | settings))


def soon(scheduler, process, callback, *args):
    scheduler.sequence += 1
    handle = Handle(callback, args, process.context, scheduler.sequence)
    scheduler.enqueue(process, handle)
    return handle


def play(scheduler):
    with pytest.raises(Deadlock):
        scheduler.run()


def test_calm_runs_are_first_in_first_out_across_processes():
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    ran = []
    for number, process in enumerate([a, b, b, a, b]):
        soon(scheduler, process, ran.append, number)
    play(scheduler)
    assert ran == [0, 1, 2, 3, 4]


def test_a_processs_own_steps_keep_their_order_under_every_seed():
    orders = set()
    for seed in range(50):
        scheduler = make(Seeded(seed))
        processes = [scheduler.spawn(name) for name in "abc"]
        ran = []
        for number in range(12):
            soon(scheduler, processes[number % 3], ran.append, number)
        play(scheduler)
        for process in range(3):
            assert [n for n in ran if n % 3 == process] == list(range(process, 12, 3))
        orders.add(tuple(ran))
    assert len(orders) > 10


def test_a_recorded_pick_lets_the_other_process_go_first():
    scheduler = make(Recording({"a order": {0: 1}}))
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    ran = []
    soon(scheduler, a, ran.append, "a")
    soon(scheduler, b, ran.append, "b")
    play(scheduler)
    assert ran == ["b", "a"]


def test_time_moves_only_when_nothing_can_run():
    scheduler = make()
    seen = []
    scheduler.post(scheduler.current, 5, lambda: seen.append(scheduler.now))
    for _ in range(3):
        soon(scheduler, scheduler.current, lambda: seen.append(scheduler.now))
    play(scheduler)
    assert seen == [0, 0, 0, 5]


def test_timers_run_in_the_order_of_their_moments_then_of_their_making():
    scheduler = make()
    ran = []
    for name, due in (("late", 9), ("early", 3), ("tie", 9)):
        scheduler.post(scheduler.current, due, ran.append, name)
    play(scheduler)
    assert ran == ["early", "late", "tie"]


def test_a_blocked_process_waits_and_the_others_go_on():
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    seen = []

    def block():
        a.floor = scheduler.now + 100
        seen.append(("a sees", scheduler.local_now()))

    soon(scheduler, a, block)
    soon(scheduler, a, lambda: seen.append(("a", scheduler.now)))
    scheduler.post(b, 50, lambda: seen.append(("b", scheduler.now)))
    scheduler.post(a, 20, lambda: seen.append(("a's message", scheduler.now)))
    play(scheduler)
    assert seen == [("a sees", 100), ("b", 50), ("a", 100), ("a's message", 100)]


def test_an_idle_process_may_notice_its_timer_late_but_a_message_never():
    scheduler = make(Recording({"a lag": {0: 63}}))
    a = scheduler.spawn("a")
    seen = []
    scheduler.at(a, 10, lambda: seen.append(scheduler.now), (), a.context.copy())
    play(scheduler)
    assert seen == [10 + 250_000]

    scheduler = make(Recording({"a lag": {0: 63}}))
    a = scheduler.spawn("a")
    scheduler.post(a, 10, lambda: seen.append(scheduler.now))
    play(scheduler)
    assert seen[1:] == [10]


def test_a_killed_process_runs_nothing_more_and_keeps_what_was_left():
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    ran = []
    soon(scheduler, a, ran.append, "before")
    soon(scheduler, b, scheduler.kill, a)
    soon(scheduler, a, ran.append, "after")
    scheduler.post(a, 10, ran.append, "timer")
    soon(scheduler, b, soon, scheduler, a, ran.append, "late")
    play(scheduler)
    assert ran == ["before"]
    assert len(a.remains) == 3


def test_a_cancelled_callback_does_not_run_and_cancelled_timers_do_not_pile_up():
    scheduler = make()
    ran = []
    soon(scheduler, scheduler.current, ran.append, "no").cancel()
    ticks = itertools.count()

    def tick():
        scheduler.post(scheduler.current, 10**8, ran.append, "never").cancel()
        if next(ticks) < 40_000:
            scheduler.post(scheduler.current, scheduler.now + 1, tick)

    soon(scheduler, scheduler.current, tick)
    play(scheduler)
    assert ran == []
    assert scheduler.now == 40_000
    assert len(scheduler._heap) < 20_000


def test_steps_without_time_passing_are_a_livelock():
    scheduler = make(steps_per_instant_max=100)

    def again():
        soon(scheduler, scheduler.current, again)

    scheduler.post(scheduler.current, 7, again)
    with pytest.raises(Livelock):
        scheduler.run()
    assert scheduler.now == 7
    assert scheduler.steps == 101


def test_the_time_limit_ends_the_run_before_anything_past_it():
    scheduler = make(limit_us=100)
    ran = []
    for due in (100, 101):
        scheduler.post(scheduler.current, due, ran.append, due)
    with pytest.raises(TimeLimit):
        scheduler.run()
    assert ran == [100]


def test_garbage_is_collected_at_steps_that_depend_on_nothing_else():
    def collections(seed):
        steps = []
        scheduler = make(Seeded(seed), collect=lambda: steps.append(scheduler.steps))
        for left in range(40_000):
            scheduler.post(scheduler.current, left, lambda: None)
        play(scheduler)
        return steps

    assert collections(1) == collections(2) == [16_384, 32_768]


@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_an_appointment_counts_the_steps_of_whom_it_watches_alone(count, wanted):
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    ran, seen = [], []
    soon(
        scheduler,
        b,
        lambda: scheduler.after_steps(count, a, b, lambda: seen.append(ran.count("a"))),
    )
    for _ in range(4):
        soon(scheduler, b, ran.append, "b")
        soon(scheduler, a, ran.append, "a")
        soon(scheduler, b, ran.append, "b")
    play(scheduler)
    assert seen == [wanted]


def test_an_appointment_waits_over_idle_time_and_counts_threads_too():
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    thread = scheduler.spawn("a/thread", a)
    ran, seen = [], []
    soon(scheduler, a, lambda: scheduler.after_steps(3, a, b, lambda: seen.append(len(ran))))
    for due, process in ((10, a), (20, b), (30, thread), (40, a), (50, a)):
        scheduler.post(process, due, ran.append, due)
    play(scheduler)
    assert seen == [4]


def test_an_appointment_with_the_dead_is_off():
    scheduler = make()
    a, b = scheduler.spawn("a"), scheduler.spawn("b")
    seen = []
    soon(scheduler, b, lambda: scheduler.after_steps(1, a, b, lambda: seen.append("struck")))
    soon(scheduler, b, lambda: scheduler.kill(a))
    soon(scheduler, a, seen.append, "a ran")
    soon(scheduler, b, seen.append, "b ran")
    play(scheduler)
    assert seen == ["b ran"]
