"""Each deviation is explained from real runs, most of which deviate in one choice alone."""

import asyncio
import contextlib
import re
import sys
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from pgqueuer import RetryRequested
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from simqueue import Config, Faults, InMemoryQueries, run
from simqueue.choices import Calm
from simqueue.choices.survey import Survey
from simqueue.model.choice import Choice
from simqueue.model.choice_key import word_of
from simqueue.model.fault import FAULT_KINDS
from simqueue.model.ids import Instant
from simqueue.report.choices.explain_choices import render_deviations

CALM = Config()
ALL = Config(faults=Faults(FAULT_KINDS))


def app(pq):
    @pq.entrypoint("charge")
    async def charge(job):
        await asyncio.sleep(0.5)


def threaded(pq):
    @pq.entrypoint("charge")
    async def charge(job):
        await asyncio.to_thread(len, "letter")


def ticking(pq):
    @pq.schedule("sweep", "* * * * * *")
    async def sweep(schedule):
        await asyncio.sleep(0.1)


async def one_worker(sim, setup=app):
    sim.worker("a", setup, restart="always")
    await asyncio.sleep(1)
    await sim.queries.enqueue("charge", None)
    await sim.settled()


async def two_workers(sim):
    sim.worker("a", app)
    sim.worker("b", app)
    await asyncio.sleep(1)
    await sim.queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
    await asyncio.sleep(0.1)
    await sim.queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
    await sim.settled()


def told(scenario, key, picks, config=CALM):
    """The lines of a run that deviates in nothing but these picks of a key."""
    result = run(scenario, config=config, choices={key: picks})
    assert {choice.key for choice in result.choices} == {key}
    return [line.strip() for line in render_deviations(result.trace)]


async def rivals(sim):
    """Two clients that enqueue under one dedupe key."""
    one, two = (InMemoryQueries(sim.connect(name)) for name in ("one", "two"))
    key = "report"
    first = asyncio.create_task(one.enqueue("charge", None, dedupe_key=key, on_conflict="skip"))
    await asyncio.sleep(0.001)
    await two.enqueue("charge", None, dedupe_key=key, on_conflict="skip")
    await first


async def drawing(sim):
    await asyncio.sleep(1)
    sim.choice(["x", "y", "z"])
    sim.chance(0.5)
    sim.random.random()


async def drawing_handler(sim):
    def app(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            sim.choice(["x", "y", "z"])

    await one_worker(sim, app)


async def in_a_thread(sim):
    await one_worker(sim, threaded)


async def on_schedule(sim):
    sim.worker("a", ticking)
    sim.worker("b", ticking)
    await asyncio.sleep(3.5)


async def killed(sim):
    a = sim.worker("a", app, restart="always")
    sim.worker("b", app)
    await asyncio.sleep(1)
    a.crash()
    await sim.queries.enqueue("charge", None)
    await asyncio.sleep(5)


EXPLAINED = [
    (
        (two_workers, "a QueueManager.run dequeue request", 1, 40, CALM),
        (
            "+1.000400s  a's dequeue (statement 52: finds nothing) reaches the server 5.84 ms "
            "late, after b's dequeue (picks jobs 1 and 2), b starts to run job 1 (charge) and 1"
            " more; only then a sends its fetch of due schedules (statement 59: finds nothing)"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue reply", 1, 40, CALM),
        (
            "+1.000600s  the reply to a's dequeue (statement 52: picks jobs 1 and 2) gets there"
            " 5.84 ms late, after b's count of eligible jobs, b's query for the next "
            "deferred job and 2 more; only then a starts to run job 1 (charge)"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue commit", 0, 40, CALM),
        (
            "+1.000600s  a's dequeue (statement 52: picks jobs 1 and 2) commits 5.84 ms after "
            "it was executed, after b's dequeue (finds nothing), b's count of eligible jobs and"
            " 1 more; only then a starts to run job 1 (charge)"
        ),
    ),
    (
        (two_workers, "scenario scenario enqueue request", 0, 40, CALM),
        (
            "+1.000000s  the scenario's enqueue (statement 51: enqueues jobs 1 and 2) reaches "
            "the server 5.84 ms late, after a's fetch of due schedules (finds nothing) and b's "
            "fetch of due schedules (finds nothing)"
        ),
    ),
    (
        (rivals, "one QueueQueries.enqueue enqueue commit", 0, 50, CALM),
        (
            "+0.000200s  the scenario's enqueue (statement 1: enqueues job 1 (charge)) commits "
            "29.9 ms after it was executed, the scenario's enqueue (enqueues nothing: job 1 has"
            " the dedupe key 'report') waiting for its locks"
        ),
    ),
    (
        (two_workers, "a notify", 2, 40, CALM),
        (
            "+1.000200s  a's notification of the insert by the scenario's enqueue (enqueues "
            "jobs 1 and 2) gets there 5.84 ms late, after b's dequeue (picks jobs 1 and 2), b "
            "starts to run job 1 (charge) and 1 more"
        ),
    ),
    (
        (two_workers, "a notify", 5, 40, CALM),
        (
            "+1.684223s  what the server notifies a of is 5.84 ms late on its way"
        ),
    ),
    (
        (on_schedule, "a SchedulerManager.run fetch_schedule request", 1, 60, CALM),
        (
            "+2.000000s  a's fetch of due schedules (statement 51: finds nothing) reaches the "
            "server 153 ms late, after b's fetch of due schedules (picks schedule 1 for its "
            "tick at +1.000000s, the next is +3.000000s), b's schedule heartbeat "
            "(refreshes the heartbeat of schedule 1) and 3 more"
        ),
    ),
    (
        (two_workers, "a order", 93, 1, CALM),
        (
            "+1.000400s  b goes before a, whose turn it was: b sends its dequeue (statement 52:"
            " picks jobs 1 and 2), then a sends its dequeue (statement 53: finds nothing)"
        ),
    ),
    (
        (two_workers, "a order", 91, 1, CALM),
        (
            "+1.000400s  b goes before a, whose turn it was; then a sends its dequeue "
            "(statement 52: picks jobs 1 and 2)"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:crash/dequeue", 1, 1, ALL),
        (
            "+1.000600s  a is killed, after its dequeue (statement 52: picks jobs 1 and 2) "
            "committed and before the reply got there"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:crash/dequeue", 1, 71, ALL),
        (
            "+1.002400s  a is killed while it runs job 1 (charge) and job 2 (charge), 1.6 ms "
            "after the reply to its dequeue (statement 52: picks jobs 1 and 2)"
        ),
    ),
    (
        (two_workers, "a lag", 17, 55, CALM),
        (
            "+1.500800s  a's loop wakes 67.7 ms late; nothing else happens meanwhile; only then"
            " it finishes job 1 (charge)"
        ),
    ),
    (
        (two_workers, "a lag", 15, 55, CALM),
        (
            "+1.414491s  a's loop wakes 67.7 ms late; nothing else happens meanwhile; 18.6 ms "
            "later it finishes job 1 (charge)"
        ),
    ),
    (
        (in_a_thread, "a thread", 0, 50, CALM),
        (
            "+1.000800s  a's call in a thread begins 29.9 ms late while it runs job 1 (charge),"
            " after a's dequeue (finds nothing), a's count of eligible jobs and 3 more"
        ),
    ),
    (
        (killed, "a restart", 0, 40, CALM),
        (
            "+1.000000s  a is down for 1.06 s before it is started again (1 s when calm), after"
            " b's fetch of due schedules (finds nothing)"
        ),
    ),
    (
        (killed, "a restart", 0, 63, CALM),
        (
            "+1.000000s  a is down for 3.5 s before it is started again (1 s when calm), after "
            "b's fetch of due schedules (finds nothing)"
        ),
    ),
    (
        (drawing, "scenario scenario choice", 0, 1, CALM),
        (
            "+1.000000s  the scenario gets option 2 of 3 from sim.choice"
        ),
    ),
    (
        (drawing, "scenario scenario chance", 0, 1, CALM),
        (
            "+1.000000s  the scenario gets yes from sim.chance, no when calm"
        ),
    ),
    (
        (drawing, "scenario scenario random", 1, 1048576, CALM),
        (
            "+1.000000s  the scenario gets 0.500 of 1 from sim.random, 0 when calm"
        ),
    ),
    (
        (drawing_handler, "a QueueManager._dispatch choice", 0, 2, CALM),
        (
            "+1.000800s  a's job 1 (charge) gets option 3 of 3 from sim.choice"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:crash/dequeue", 1, 2, ALL),
        (
            "+1.000600s  a is killed, after its dequeue (statement 52: picks jobs 1 and 2) "
            "committed and before the reply got there"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:crash/dequeue", 1, 18, ALL),
        (
            "+1.000800s  a is killed while it runs job 1 (charge) and job 2 (charge), right "
            "after the reply to its dequeue (statement 52: picks jobs 1 and 2)"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:stop/dequeue", 1, 2, ALL),
        (
            "+1.000600s  a is asked to stop, after its dequeue (statement 52: picks jobs 1 and "
            "2) committed and before the reply got there"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:pause/dequeue", 1, 3530, ALL),
        (
            "+1.000600s  a is paused for 3.13 s, after its dequeue (statement 52: picks jobs 1 "
            "and 2) committed and before the reply got there; meanwhile: the scenario's enqueue"
            " (enqueues jobs 3 and 4), b's dequeue (picks jobs 3 and 4) and 7 more"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:disconnect/dequeue", 1, 1, ALL),
        (
            "+1.000600s  a's connection breaks before its dequeue (statement 52) arrives"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue disaster:disconnect/dequeue", 1, 2, ALL),
        (
            "+1.000600s  a's connection breaks between its dequeue (statement 52: picks jobs 1 "
            "and 2) and the reply: a cannot know how that ended"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue mishap:fail/dequeue", 1, 1, ALL),
        (
            "+1.000600s  a's dequeue (statement 52) is rejected: 40001 could not serialize "
            "access due to concurrent update"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue mishap:fail/dequeue", 1, 4, ALL),
        (
            "+1.000600s  a's dequeue (statement 52) is rejected: 57P01 terminating connection "
            "due to administrator command, and its connection breaks"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue mishap:slow/dequeue", 1, 97, ALL),
        (
            "+1.000600s  a's dequeue (statement 52: finds nothing) takes 1.77 s to begin, "
            "during which its connection carries nothing else, after b's dequeue (picks jobs 1 "
            "and 2), the scenario's enqueue (enqueues jobs 3 and 4) and 17 more"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue mishap:slow/dequeue", 1, 98, ALL),
        (
            "+1.000600s  a's dequeue (statement 52: picks jobs 1 and 2) takes 1.77 s to commit,"
            " during which its connection carries nothing else, after the scenario's enqueue "
            "(enqueues jobs 3 and 4), b's dequeue (picks jobs 3 and 4) and 9 more"
        ),
    ),
    (
        (two_workers, "a QueueManager.run dequeue mishap:slow/dequeue", 2, 98, ALL),
        (
            "+1.001000s  a's dequeue (statement 54: finds nothing) would take 1.77 s to commit,"
            " if it had anything to"
        ),
    ),
    (
        (two_workers, "a QueueManager.run listen mishap:slow/listen", 0, 97, ALL),
        (
            "+0.007800s  a's LISTEN (statement 39) takes 1.77 s to begin, during which its "
            "connection carries nothing else, after the scenario's enqueue (enqueues jobs 1 and"
            " 2), b's dequeue (picks jobs 1 and 2) and 16 more"
        ),
    ),
    (
        (two_workers, "a notify mishap:late-notify/notify", 2, 40, ALL),
        (
            "+1.000200s  what the server sends to a is held up for 119 ms, after b's dequeue "
            "(picks jobs 1 and 2), the scenario's enqueue (enqueues jobs 3 and 4) and 6 more; "
            "only then it hears of the insert by the scenario's enqueue (enqueues jobs 1 and 2)"
        ),
    ),
    (
        (two_workers, "b mishap:refuse/connect", 0, 1, ALL),
        (
            "+0.000000s  the server refuses b a connection (53300)"
        ),
    ),
    (
        (two_workers, "a second disaster:crash/second", 0, 3678, ALL),
        (
            "+1.002181s  a is killed while it runs job 1 (charge) and job 2 (charge)"
        ),
    ),
    (
        (two_workers, "a second disaster:stop/second", 0, 3678, ALL),
        (
            "+1.002181s  a is asked to stop while it runs job 1 (charge) and job 2 (charge)"
        ),
    ),
    (
        (two_workers, "a second disaster:pause/second", 0, 3678, ALL),
        (
            "+1.002181s  a is paused for 24.7 s while it runs job 1 (charge) and job 2 "
            "(charge); meanwhile: the scenario's enqueue (enqueues jobs 3 and 4), b's dequeue "
            "(picks jobs 3 and 4) and 7 more"
        ),
    ),
    (
        (two_workers, "a second disaster:disconnect/second", 0, 3678, ALL),
        (
            "+1.002181s  a's connection breaks while it runs job 1 (charge) and job 2 (charge),"
            " and its count of queued jobs (statement 60) gets no reply"
        ),
    ),
    (
        (two_workers, "a second disaster:disconnect/second", 0, 3649, ALL),
        (
            "+1.000010s  a's connection breaks"
        ),
    ),
    (
        (two_workers, "a second mishap:skew/second", 0, 3678, ALL),
        (
            "+1.002181s  a's clock is set 32.6 ms behind the others' while it runs job 1 "
            "(charge) and job 2 (charge)"
        ),
    ),
    (
        (two_workers, "server second disaster:restart-server/second", 0, 3678, ALL),
        (
            "+1.002181s  the server is shut down and started again; the connections of a and b "
            "break"
        ),
    ),
    (
        (two_workers, "server second disaster:crash-server/second", 0, 3678, ALL),
        (
            "+1.002181s  the server crashes and comes up again, no table being empty; the "
            "connections of a and b break"
        ),
    ),
    (
        (two_workers, "server second disaster:fail-over/second", 0, 3678, ALL),
        (
            "+1.002181s  a replica takes the server's place, no table being empty; the "
            "connections of a and b break"
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "line"),
    EXPLAINED,
    ids=[
        f"{key} {value}".replace("QueueManager.run ", "") for (_, key, _, value, _), _ in EXPLAINED
    ],
)
def test_what_one_deviation_did_is_said_in_one_line(case, line):
    scenario, key, position, value, config = case
    if word_of(key).kind == "order" or key.endswith("disaster:crash/dequeue"):
        of_python_3_11()
    assert told(scenario, key, {position: value}, config) == [line]


def of_python_3_11():
    """Leave out what counts steps: asyncio takes others in other releases of Python."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the position counts steps as Python 3.11 takes them")


def test_jobs_that_the_failure_is_about_are_named_first():
    picks = {"a QueueManager.run dequeue mishap:slow/dequeue": {1: 97}}
    trace = run(two_workers, config=ALL, choices=picks).trace
    (line,) = render_deviations(trace, frozenset({("job", 4)}))
    assert "after the scenario's enqueue (enqueues jobs 3 and 4)" in line
    (line,) = render_deviations(trace, frozenset({("job", 1)}))
    assert "after b's dequeue (picks jobs 1 and 2)" in line


def test_a_statement_that_the_end_of_the_run_cuts_short_is_said_to_be_unfinished():
    async def scenario(sim):
        sim.worker("a", app)
        await asyncio.sleep(1)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(1)
        raise ValueError("over")

    key = "a QueueManager.run dequeue mishap:slow/dequeue"
    (line,) = told(scenario, key, {1: 2 * 63 - 1}, ALL)
    assert "takes 60 s to begin" in line
    assert "is not done when the run ends" in line


def test_a_worker_that_took_over_a_stale_job_took_it_from_a_worker_and_not_from_a_number():
    async def scenario(sim):
        a = sim.worker("a", app, heartbeat_timeout=timedelta(seconds=3))
        await asyncio.sleep(1)
        await sim.queries.enqueue("charge", None)
        await asyncio.sleep(0.2)
        sim.worker("b", app, heartbeat_timeout=timedelta(seconds=3))
        a.pause(timedelta(seconds=20))
        await asyncio.sleep(30)

    key = "scenario scenario enqueue reply"
    (line,) = told(scenario, key, {0: 60}, Config(without=("single-runner",)))
    assert "manager" not in line


def test_a_fault_that_finds_nobody_is_said_to():
    async def scenario(sim):
        a = sim.worker("a", app)
        await asyncio.sleep(0.5)
        a.crash()
        await asyncio.sleep(2)

    (line,) = told(scenario, "a second disaster:crash/second", {0: 1}, ALL)
    assert line == "+1.000000s  a crash has no effect: a is down or spared by then"


def test_a_choice_that_the_log_does_not_bear_out_has_a_line_all_the_same(trace):
    kinds = (
        "request", "reply", "commit", "notify", "order", "lag", "thread", "restart", "back",
        "cancel", "choice", "chance", "random", "disaster:crash/dequeue", "mishap:slow/dequeue",
        "mishap:late-notify/notify", "disaster:pause/second", "of a later release",
    )  # fmt: skip
    choices = [Choice(f"z {kind}", 0, 1, 64, Instant(10**9), 99) for kind in kinds]
    lone = [Choice(kind, 0, 1, 64, Instant(0), 0) for kind in kinds]
    for events in ((), trace.events):
        odd = msgspec.structs.replace(trace, events=events, choices=(*choices, *lone))
        assert len(render_deviations(odd)) == 2 * len(kinds)


def test_lines_are_in_the_order_of_virtual_time():
    picks = {
        "a second disaster:crash/second": {0: 64 * 57 + 60},
        "a QueueManager.run dequeue request": {1: 40},
    }
    trace = run(two_workers, config=ALL, choices=picks).trace
    lines = render_deviations(trace)
    assert [choice.at for choice in trace.choices] == [1_000_000, 1_000_400]
    assert "reaches the server" in lines[0]
    assert "is killed" in lines[1]


# --- whatever can be picked is explained ---------------------------------------------------------


async def shop(sim):
    """What PgQueuer does in so many ways that each kind of choice is asked for."""

    def setup(pq):
        @pq.entrypoint("charge")
        async def charge(job):
            await asyncio.sleep(sim.random.uniform(0, 1))
            await asyncio.to_thread(len, "letter")
            if sim.chance(0.2) and job.attempts == 0:
                raise RetryRequested(timedelta(seconds=1))

        @pq.schedule("sweep", "* * * * * */3")
        async def sweep(schedule):
            await asyncio.sleep(sim.choice([0.1, 0.2]))

    sim.worker("first one", setup, restart="always")
    second = sim.worker("second", setup, pool=3, restart="always")
    for _ in range(5):
        await sim.queries.enqueue(["charge"] * 3, [None] * 3, [0] * 3)
        await asyncio.sleep(2)
        if second.alive and sim.chance(0.3):
            second.crash()
    await sim.settled()


ACTORS = ("first one", "second", "server", "scenario", "supervisor", "faults", "world")
RAW = re.compile(r"disaster:|mishap:|/second|/connect|Manager\.|first_one|\n")


def kind_explained(key):
    return word_of(key).fault or word_of(key).kind


@pytest.fixture(scope="module")
def explained():
    """Every choice of random runs, with its line."""
    config = Config(faults=Faults(FAULT_KINDS), limit=timedelta(seconds=40))
    found = []
    for seed in range(30):
        trace = run(shop, seed=seed, config=config).trace
        lines = render_deviations(trace)
        assert len(lines) == len(trace.choices)
        found.append((trace.choices, lines))
    return found


def test_every_choice_of_every_kind_has_a_line_without_its_key(explained):
    lines = [line for _, lines in explained for line in lines]
    assert not [line for line in lines if RAW.search(line)]
    kinds = {kind_explained(choice.key) for choices, _ in explained for choice in choices}
    assert kinds == {
        "order", "lag", "request", "reply", "commit", "notify", "thread", "restart", "back",
        "choice", "chance", "random", *FAULT_KINDS,
    }  # fmt: skip


def test_every_line_names_who_did_it(explained):
    for _, lines in explained:
        for line in lines:
            assert any(actor in line for actor in ACTORS), line


def test_a_late_request_to_cancel_has_a_line():
    def setup(pq):
        @pq.entrypoint("order")
        async def order(job):
            connection = await asyncpg.connect(command_timeout=5)
            with contextlib.suppress(TimeoutError):
                await Queries(AsyncpgDriver(connection)).enqueue("mail", None)

    async def scenario(sim):
        sim.worker("a", setup)
        await sim.queries.enqueue("order", None)
        await asyncio.sleep(20)

    config = Config(faults=Faults.named("slow"), invariants=())
    survey = Survey(Calm())
    run(scenario, config=config, choices=survey)
    slow = next(key for key, _, _ in survey.options if key.endswith("slow/enqueue"))
    cancel = f"{slow.partition(' ')[0]} cancel"
    picks = {slow: {0: 2 * 60}, cancel: {0: 63}}
    lines = render_deviations(run(scenario, config=config, choices=picks).trace)
    (line,) = [line for line in lines if "request to cancel" in line]
    assert "request to cancel a statement is 250 ms late, after" in line
