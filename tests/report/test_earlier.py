import asyncio
from datetime import timedelta

from simqueue.model import events as e
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.report.log_index import Course
from simqueue.report.story.earlier import render_earlier
from simqueue.report.story.story import render_story
from simqueue.sim.run import run


def entries(*events, worker="w"):
    return [Entry(number * 1_000_000, worker, event) for number, event in enumerate(events)]


def earlier(log, before=None, **options):
    return render_earlier(Course(log), len(log) if before is None else before, **options)


def deaf(rounds=20):
    """Return a scenario whose worker loses its LISTEN long before an assertion fails."""

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("ping")
            async def ping(job): ...

        worker = sim.worker("w", app, pool=5)
        await asyncio.sleep(2)
        worker.disconnect()
        for _ in range(rounds):
            await sim.queries.enqueue("ping", None)
            await asyncio.sleep(45)
        raise AssertionError("too late")

    return scenario


def test_a_lost_listen_that_lies_far_back_is_told_before_the_end():
    hours = run(deaf(), config=Config(without=("listens-again",)))
    story = render_story(hours.trace)
    before, _, end = story.partition("The last events:")
    assert "stops listening" not in end
    assert "Earlier disturbances:" in before
    assert (
        "w stops listening to ch_pgqueuer over w, and does not listen again in this run" in before
    )
    assert "w loses its connection w.2" in before


def test_nothing_is_told_twice():
    story = render_story(run(deaf(rounds=1)).trace, tail=500)
    assert story.count("stops listening") == 1
    assert "Earlier disturbances:" not in story


def test_a_calm_run_has_nothing_earlier():
    log = entries(e.WorkerStarted(1), e.JobEnqueued(1, "charge", 0, 0), e.Listening("w", "ch"))
    assert earlier(log) == ""


def test_restarts_crashes_faults_and_failed_statements_are_told_in_order():
    log = entries(
        e.FaultStruck("crash"),
        e.WorkerCrashed(),
        e.WorkerStarted(2),
        e.StatementFailed(3, "40001", "could not serialize"),
        e.ServerRestarted(),
        e.HandlerRaised("charge", "ValueError: no", job_id=1),
    )
    lines = earlier(log).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["#0", "#1", "#2", "#3", "#4", "#5"]
    assert "is killed" in lines[1]
    assert "starts again (incarnation 2)" in lines[2]


def test_what_is_told_elsewhere_and_what_comes_later_is_left_out():
    log = entries(e.WorkerCrashed(), e.ServerRestarted(), e.WorkerCrashed())
    told = earlier(log, before=2, besides=lambda entry: isinstance(entry.event, e.ServerRestarted))
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["#0"]


def test_the_first_and_the_last_are_told_of_many():
    lines = earlier(entries(*[e.WorkerCrashed()] * 100)).splitlines()[1:]
    assert len(lines) == 25
    assert lines[12].strip() == "... 76 more lines"
    assert lines[11].startswith("     #11")
    assert lines[13].startswith("     #88")


def test_a_listen_that_ends_in_order_is_calm():
    log = entries(e.Listening("w", "ch"), e.Listening("w", "ch", on=False), e.WorkerExited())
    assert earlier(log) == ""


def test_a_worker_that_listens_again_is_not_called_deaf():
    log = [
        Entry(0, "w", e.Listening("w", "ch", on=False)),
        Entry(0, "w", e.ConnectionLost("w")),
        Entry(9, "w", e.Listening("w.2", "ch")),
    ]
    assert "stops listening to ch over w\n" in earlier(log)


def test_a_job_that_is_never_picked_is_told_with_the_lost_listen():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("ping")
            async def ping(job): ...

        worker = sim.worker("w", app, pool=5)
        await asyncio.sleep(2)
        worker.disconnect()
        await sim.queries.enqueue("ping", None)
        await sim.settled(timeout=timedelta(seconds=10))

    story = render_story(run(scenario).trace)
    assert "How it came about (job 1 (ping)" in story
    assert "The last events:" not in story
    assert "w stops listening to ch_pgqueuer over w" in story.partition("Earlier disturbances:")[2]


def test_an_error_that_a_handler_raises_is_not_told_with_other_troubles():
    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("ping")
            async def ping(job):
                raise ValueError("job 1 is broken")

        sim.worker("v", lambda pq: None).crash()
        sim.worker("w", app)
        await sim.queries.enqueue("ping", None)
        await asyncio.sleep(5)
        raise ValueError("job 1 is broken")

    story = render_story(run(scenario).trace)
    assert "How it came about (job 1 (ping)" in story
    assert "Earlier" not in story


def test_a_passed_run_is_told_as_it_was():
    async def scenario(sim):
        sim.crash_server()
        for _ in range(100):
            await asyncio.sleep(1)
            sim.log.info("tick")

    story = render_story(run(scenario).trace)
    assert "earlier lines" in story
    assert "Earlier disturbances" not in story
