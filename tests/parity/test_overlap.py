"""Statements that overlap, two and three at a time, forced to on both sides.

A fifth as many random sequences as in test_parity.py; the same variable and option change them.
"""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from overlapping import DEADLOCK_TIMEOUT_MS, SESSIONS, Overlap, Progress
from pgqueuer.domain import models
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sequences import Turn, compare, turns
from sides import Call, Rig
from vocabulary import CONFLICTS, CRONS, MANAGERS, Vocabulary, vocabularies

THEMES = {
    "jobs": {
        "enqueue": 8, "dequeue": 10, "log_jobs": 5, "retry_job": 3, "requeue_jobs": 3,
        "update_heartbeat": 4, "clear_queue": 1, "queue_size": 1,
    },
    "slots": {"enqueue": 5, "dequeue": 16, "log_jobs": 5, "retry_job": 4, "requeue_jobs": 3},
    "keys": {
        "enqueue": 12, "dequeue": 4, "log_jobs": 5, "retry_job": 5, "requeue_jobs": 4,
        "update_heartbeat": 2,
    },
    "log": {
        "enqueue": 4, "dequeue": 3, "log_jobs": 3, "aggregate": 6, "aggregate_logs": 4,
        "clear_queue_log": 1, "clear_statistics_log": 1,
    },
    "schedules": {
        "insert_schedule": 5, "fetch_schedule": 8, "set_schedule_queued": 4,
        "update_schedule_heartbeat": 3, "delete_schedule": 2, "clear_schedule": 1,
        "peek_schedule": 1,
    },
}  # fmt: skip
"""Weights of the methods that send one statement each."""

WORDS = {"jobs": "keys", "slots": "slots", "keys": "keys", "log": "keys", "schedules": "schedules"}


class Overlapping(RuleBasedStateMachine):
    """One sequence: statements begin, wait and end on both sides alike."""

    def __init__(self, rig: Rig, overlap: Overlap, theme: str) -> None:
        super().__init__()
        self.rig, self.overlap, self.theme = rig, overlap, theme
        rig.sequences += 1
        rig.run(overlap.begin())
        self.words: Vocabulary | None = None

    @initialize(words=st.runner().flatmap(lambda self: self.vocabularies()))
    def speak(self, words: Vocabulary) -> None:
        self.words = words
        weights = THEMES[self.theme].items()
        known = self.overlap.real[0].queries
        words.methods = [
            name for name, weight in weights if hasattr(known, name) for _ in range(weight)
        ]

    def vocabularies(self) -> st.SearchStrategy[Vocabulary]:
        return vocabularies(WORDS[self.theme], self.rig.clock, self.overlap.desk.tables)

    @precondition(
        lambda self: not (self.overlap.open_order or self.overlap.blurred) and self.sessions("idle")
    )
    @rule(turn=turns(), which=st.integers(0, SESSIONS - 1), ends=st.integers(0, 2))
    def execute(self, turn: Turn, which: int, ends: int) -> None:
        """Have a statement executed; one in three commits right away."""
        self.rig.clock.now_us += turn.pause_us
        idle = self.sessions("idle")
        number = idle[which % len(idle)]
        self.step(partial(self.overlap.execute, number, turn.call))
        if ends == 0 and self.overlap.real[number].progress == "executed":
            self.step(partial(self.overlap.end, number, commit=True))

    @precondition(lambda self: not self.overlap.open_order and self.sessions("executed"))
    @rule(which=st.integers(0, SESSIONS - 1), commit=st.integers(0, 3))
    def end(self, which: int, commit: int) -> None:
        """End a statement: one in four is rolled back."""
        executed = self.sessions("executed")
        number = executed[which % len(executed)]
        self.step(partial(self.overlap.end, number, commit=commit > 0))

    @precondition(lambda self: self.overlap.open_order)
    @rule()
    def begin_again(self) -> None:
        """Go on with empty tables, since PostgreSQL leaves open what happens next."""
        self.rig.run(self.overlap.begin())
        assert self.words is not None
        self.words.tables = self.overlap.desk.tables

    def sessions(self, progress: Progress) -> list[int]:
        return [n for n, session in enumerate(self.overlap.real) if session.progress == progress]

    def step(self, step: partial) -> None:
        self.rig.operations += 1
        found = self.rig.run(step())
        assert not found, f"{step.func.__name__}{step.args} differs: {found}"


@pytest.fixture
def overlap(rig, database):
    opened = rig.run(Overlap.open(database, rig.clock))
    rig.run(opened.begin())
    yield opened
    rig.run(opened.close())


@pytest.mark.parametrize("theme", THEMES)
def test_statements_overlap_as_they_do_on_postgresql(theme, rig, overlap, request):
    compare(partial(Overlapping, rig, overlap, theme), 1 / 5 / len(THEMES), rig, request)


# --- the overlaps that matter most, by name -----------------------------------------------------

SOON = timedelta(seconds=30)
CRON = {CRONS[0]: timedelta(0)}


def enqueue(*keys, **options):
    count = len(keys)
    return Call("enqueue", (["a"] * count, [None] * count, [0] * count, None, list(keys)), options)


def dequeue(manager, batch, limit=0):
    limits = {"a": EntrypointExecutionParameter(limit)}
    return Call("dequeue", (batch, limits, MANAGERS[manager], None, SOON))


def log(*jobs, status="successful"):
    return Call("log_jobs", ([(models.Job.model_construct(id=job), status, None) for job in jobs],))


def retry(job):
    return Call("retry_job", (models.Job.model_construct(id=job), timedelta(0), None))


def beat(*jobs):
    return Call("update_heartbeat", (list(jobs),))


FOUR = [enqueue(None, None, None, None)]
KEYED = [enqueue("k", "l")]
SCHEDULED = [Call("insert_schedule", (CRON,))]

PAIRS = {
    "claims": (FOUR, dequeue(0, 2), dequeue(1, 10)),
    "claims with a limit of one": (FOUR, dequeue(0, 1, 1), dequeue(1, 1, 1)),
    "claims with a limit of two": (FOUR, dequeue(0, 1, 2), dequeue(1, 2, 2)),
    "log and heartbeat": (FOUR, log(1, 2), beat(1, 2)),
    "log and claim": (FOUR, log(1, 2), dequeue(0, 10)),
    "log and log": (FOUR, log(1, status="failed"), log(1)),
    "retry and log": (FOUR, retry(1), log(1)),
    "retry and retry": (FOUR, retry(1), retry(1)),
    "requeue and retry": (
        [*KEYED, log(1, status="failed")], Call("requeue_jobs", ([1],)), retry(1)
    ),
    "key and failure of its job": (KEYED, enqueue("k"), log(1, status="failed")),
    "key and end of its job": (KEYED, enqueue("k"), log(1)),
    "key and claim of its job": (KEYED, enqueue("k"), dequeue(0, 1)),
    "fetches": (SCHEDULED, Call("fetch_schedule", (CRON,)), Call("fetch_schedule", (CRON,))),
    "registrations": ([], Call("insert_schedule", (CRON,)), Call("insert_schedule", (CRON,))),
    "fetch and registration": (
        SCHEDULED, Call("fetch_schedule", (CRON,)), Call("insert_schedule", (CRON,))
    ),
    "fetch and deletion": (
        SCHEDULED, Call("fetch_schedule", (CRON,)), Call("delete_schedule", ({1}, set()))
    ),
    "aggregations": (FOUR, Call("aggregate"), Call("aggregate")),
    "aggregation and clear": (FOUR, Call("aggregate"), Call("clear_queue_log", ("a",))),
    "clear and enqueue": (FOUR, Call("clear_queue", ("a",)), enqueue(None)),
    "truncate and enqueue": (FOUR, Call("clear_queue", (None,)), enqueue(None)),
    **{
        f"one key twice, {mine} and {theirs}": (
            [], enqueue("k", on_conflict=mine), enqueue("k", "m", on_conflict=theirs)
        )
        for mine in CONFLICTS if mine is not None
        for theirs in CONFLICTS
    },
}  # fmt: skip
if CONFLICTS == [None]:
    PAIRS["one key twice"] = ([], enqueue("k"), enqueue("k", "m"))


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "rollback"])
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_statements_overlap_as_they_do_on_postgresql(pair, turned, commit, rig, overlap):
    before, *both = PAIRS[pair]
    for call in before:
        rig.clock.now_us += 1
        check(rig, overlap.execute(0, call))
        check(rig, overlap.end(0, commit=True))
    for number, call in enumerate(both[::-1] if turned else both):
        rig.clock.now_us += 1
        check(rig, overlap.execute(number, call))
    for number in range(2):
        if overlap.real[number].progress == "executed":
            check(rig, overlap.end(number, commit=commit or number == 1))
    assert [session.progress for session in overlap.real] == ["idle"] * SESSIONS


@pytest.mark.skipif(
    CONFLICTS == [None], reason="PgQueuer before 1.2 cannot skip a key, nor wait for two"
)
def test_statements_that_wait_for_each_other_end_as_on_postgresql(rig, overlap):
    calls = [
        enqueue("c"),
        enqueue("a", "c", "b", on_conflict="skip"),
        enqueue("b", "a", on_conflict="skip"),
    ]
    for number, call in enumerate(calls):
        rig.clock.now_us += 1
        check(rig, overlap.execute(number, call))
    assert [session.progress for session in overlap.real] == ["executed", "waits", "waits"]
    # The last one is found to wait in a circle, since the other has looked for one already.
    rig.run(asyncio.sleep(5 * DEADLOCK_TIMEOUT_MS / 1000))
    check(rig, overlap.end(0, commit=True))
    assert overlap.real[1].answer.sqlstate == "40P01"
    check(rig, overlap.end(2, commit=True))


def check(rig, step):
    found = rig.run(step)
    assert not found, found
