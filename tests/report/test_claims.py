import asyncio
import re
from datetime import timedelta

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.failure import Failure
from simqueue.report.story.claims import claim_words, is_claim, subjects_around
from simqueue.report.story.story import render_story
from simqueue.sim.run import run


def failing(check):
    """Return a scenario with two workers and a job, and the ``check`` that fails."""

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("mail")
            async def mail(job):
                await asyncio.sleep(100)

        sim.worker("a", app)
        b = sim.worker("b", app)
        await asyncio.sleep(2)
        await sim.queries.enqueue("mail", None)
        check(sim)
        await asyncio.sleep(3)
        b.restart()
        await asyncio.sleep(200)

    return scenario


def never(sim):
    sim.eventually("all mail is sent", lambda: False, within=timedelta(seconds=40))


def early(sim):
    sim.always("it is early", lambda: sim.elapsed() < timedelta(seconds=20))


def test_an_eventually_that_fails_is_told_by_its_name_and_deadline():
    story = render_story(run(failing(never)).trace)
    assert re.search(
        r"How it came about \('all mail is sent', asked for at \+2\.\d+s and due at \+42\.\d+s\):",
        story,
    )
    assert "at work around then: job 1 (mail), a and b" in story
    account = story.partition("How it came about")[2].partition("What a and b")[0]
    assert "picks job 1" in account
    assert "b starts again (incarnation 2)" in account
    assert ">> all mail is sent is broken" in account


def test_an_always_that_fails_is_told_by_its_name():
    story = render_story(run(failing(early)).trace)
    assert "How it came about ('it is early', which does not hold at +20." in story
    assert "at work around then: job 1 (mail), a and b" in story


def test_a_check_put_off_by_faults_says_when_it_was_judged():
    message = "'x' did not come true within 40 s (asked for at +2.000000s)"
    failure = Failure("invariant", message, "x", "invariant:x")
    log = [Entry(90_000_000, "world", e.InvariantBroken("x", message))]
    assert claim_words(failure, log) == (
        "'x', asked for at +2.000000s and due at +42.000000s, judged at +90.000000s"
    )


def test_an_invariant_of_simqueues_own_is_no_claim():
    assert is_claim(Failure("invariant", "m", "x", "s"))
    assert not is_claim(Failure("invariant", "m", "x", "s", expected="a job runs once"))
    assert not is_claim(Failure("exception", "m", "x", "s"))


def test_what_is_in_hand_comes_before_what_is_done():
    log = [Entry(0, "scenario", e.JobEnqueued(number, "mail", 0, 0)) for number in (1, 2, 3)]
    log += [Entry(1, "a", e.JobLogged(number, "successful", "mail", 0)) for number in (1, 3)]
    assert subjects_around(log) == (("job", 2),)


def test_where_nothing_is_in_hand_the_last_few_are_told_of():
    log = [Entry(0, "a", e.JobEnqueued(number, "mail", 0, 0)) for number in range(1, 9)]
    log += [Entry(1, "a", e.JobLogged(number, "successful", "mail", 0)) for number in range(1, 9)]
    assert subjects_around(log) == tuple(("job", number) for number in range(4, 9))


def test_nobody_heads_no_account_of_nobody():
    async def scenario(sim):
        sim.crash_server()
        raise ValueError("of nobody")

    assert "How it came about" not in render_story(run(scenario).trace)
