"""Statements that overlap, without a server: what each sees, awaits and leaves.

That PostgreSQL does the same is what tests/parity shows; these say it in words.
"""

import pytest
from workbench import ANN, BOB, SECOND, START, new

from simqueue.errors import UniqueViolationError
from simqueue.model.ids import Duration, Instant, JobId
from simqueue.store import (
    ADVISORY,
    Claim,
    Names,
    Statement,
    Tables,
    Transactions,
    apply,
    decide_aggregate,
    decide_clear_queue,
    decide_clear_statistics,
    decide_dequeue,
    decide_enqueue,
    decide_fetch_schedules,
    decide_heartbeat,
    decide_insert_schedules,
    decide_log_jobs,
    decide_requeue,
    lock_candidates,
    rejected,
    select_queued_work,
    semantics_of,
)


class Server:
    """Tables, the time, and statements that end when they are told to."""

    def __init__(self, release=(1, 6, 0)):
        self.tables = Tables(Names(), semantics_of(release))
        self.transactions = Transactions(self.tables)
        self.now = START

    def begin(self, name, decide, *args, locks=None, **options):
        self.now = Instant(self.now + 1)
        statement = Statement(
            name, lambda tables, now: decide(tables, now, *args, **options), lambda *_: None, locks
        )
        return self.go_on(self.transactions.begin(self.now, statement))

    def go_on(self, transaction):
        for event in transaction.drawn:
            apply(self.tables, transaction.now, event)
        if transaction.rejection is not None:
            for event in transaction.rejection.leaves:
                apply(self.tables, transaction.now, event)
            self.finish(transaction)
        return transaction

    def commit(self, transaction):
        assert transaction.ready
        for event in transaction.events:
            apply(self.tables, transaction.now, event)
        self.finish(transaction)

    def finish(self, transaction):
        for waiting in self.transactions.finish(transaction):
            self.transactions.advance(waiting)
            self.go_on(waiting)

    def run(self, *args, **options):
        self.commit(self.begin(*args, **options))

    def enqueue(self, *jobs, on_conflict="raise"):
        return self.begin("enqueue", decide_enqueue, jobs, on_conflict)

    def dequeue(self, manager, batch=10, limit=0, timeout=30 * SECOND):
        claim = Claim(batch, {"a": limit}, manager, None, Duration(timeout))
        return self.begin(
            "dequeue",
            decide_dequeue,
            claim,
            locks=lambda tables, now: lock_candidates(tables, now, claim),
        )

    def log(self, *jobs, status="successful"):
        return self.begin("log_jobs", decide_log_jobs, [(job, status, None) for job in jobs])

    def beat(self, *jobs):
        return self.begin("update_heartbeat", decide_heartbeat, jobs)

    def aggregate(self, *, guarded):
        locks = (lambda *_: [ADVISORY]) if guarded else None
        return self.begin("aggregate_logs", decide_aggregate, guarded=guarded, locks=locks)

    def rows(self):
        return self.tables.jobs.rows


def claimed(transaction):
    return [event.job_id for event in transaction.events]


@pytest.fixture
def server():
    return Server()


# --- claims ---


def test_a_claim_skips_the_rows_of_one_that_has_not_committed(server):
    server.commit(server.enqueue(new(), new(), new()))
    first = server.dequeue(ANN, batch=2)
    second = server.dequeue(BOB)
    assert (claimed(first), claimed(second)) == ([1, 2], [3])
    server.commit(second)
    server.commit(first)
    assert {row.queue_manager_id for row in server.rows().values()} == {ANN, BOB}


def test_rows_that_were_locked_but_not_claimed_are_skipped_too(server):
    server.commit(server.enqueue(new("a"), new("b"), new("b")))
    claim = Claim(1, {"a": 0, "b": 0}, ANN, None, Duration(30 * SECOND))
    first = server.begin(
        "dequeue",
        decide_dequeue,
        claim,
        locks=lambda tables, now: lock_candidates(tables, now, claim),
    )
    assert claimed(first) == [1]
    other = Claim(5, {"b": 0}, BOB, None, Duration(30 * SECOND))
    assert claimed(server.begin("dequeue", decide_dequeue, other)) == [3]


@pytest.mark.parametrize(
    ("release", "held"), [((1, 2, 0), 2), ((1, 3, 2), 2), ((1, 4, 0), 1), ((1, 6, 0), 1)]
)
def test_two_claims_count_in_their_own_snapshots(release, held):
    server = Server(release)
    server.commit(server.enqueue(new(), new()))
    first, second = server.dequeue(ANN, 1, limit=1), server.dequeue(BOB, 1, limit=1)
    server.commit(first)
    if second.ready:
        server.commit(second)
    assert server.tables.jobs.count("picked") == held


def test_the_loser_of_a_slot_waits_for_the_winner_and_then_fails(server):
    server.commit(server.enqueue(*[new()] * 4))
    first = server.dequeue(ANN, 1, limit=2)
    second = server.dequeue(BOB, 2, limit=2)
    assert second.blocker is first
    server.commit(first)
    assert isinstance(second.rejection.error, UniqueViolationError)
    assert second.rejection.error.constraint_name == "pgqueuer_picked_slot_idx"
    assert server.tables.jobs.count("picked") == 1
    assert not server.tables.locks


def test_the_loser_of_a_slot_gets_it_when_the_winner_is_rolled_back(server):
    server.commit(server.enqueue(*[new()] * 4))
    first = server.dequeue(ANN, 1, limit=2)
    second = server.dequeue(BOB, 2, limit=2)
    server.finish(first)
    assert claimed(second) == [2]
    server.commit(second)
    assert server.rows()[2].slot == 0


# --- rows that one statement changes and another wants to ---


def test_a_heartbeat_waits_for_a_job_that_is_being_logged_and_finds_it_gone(server):
    server.commit(server.enqueue(new(), new()))
    logging = server.log(1)
    beating = server.beat(1, 2)
    assert beating.blocker is logging
    server.commit(logging)
    server.commit(beating)
    assert [row.heartbeat for row in server.rows().values()] == [beating.now]


def test_a_job_is_logged_after_its_heartbeat(server):
    server.commit(server.enqueue(new()))
    beating = server.beat(1)
    logging = server.log(1)
    assert logging.blocker is beating
    server.commit(beating)
    server.commit(logging)
    assert not server.rows()
    assert [row.created for row in server.tables.log.rows.values()] == [1, logging.now]


def test_a_statement_that_waits_acts_on_no_row_that_came_meanwhile(server):
    server.commit(server.enqueue(new(), new()))
    beating = server.beat(1)
    clearing = server.begin("clear_queue", decide_clear_queue, ["a"])
    server.commit(server.enqueue(new()))
    server.commit(beating)
    server.commit(clearing)
    assert list(server.rows()) == [3]


def test_a_job_that_failed_meanwhile_is_not_requeued(server):
    server.commit(server.enqueue(new(), new()))
    server.commit(server.log(1, status="failed"))
    beating = server.beat(1)
    requeueing = server.begin("requeue_jobs", decide_requeue, [1, 2])
    server.commit(server.log(2, status="failed"))
    server.commit(beating)
    server.commit(requeueing)
    assert [row.status for row in server.rows().values()] == ["queued", "failed"]


# --- dedupe keys ---


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("on_conflict", ["raise", "skip", "update_priority"])
def test_two_enqueues_race_for_one_key(server, on_conflict, commits):
    first = server.enqueue(new(key="k", priority=1))
    second = server.enqueue(new(key="k", priority=5), on_conflict=on_conflict)
    assert second.blocker is first
    if not commits:
        server.finish(first)
        server.commit(second)
        assert [(row.id, row.priority) for row in server.rows().values()] == [(2, 5)]
        return
    server.commit(first)
    if on_conflict == "raise":
        assert second.rejection.error.constraint_name == "pgqueuer_unique_dedupe_key"
    else:
        server.commit(second)
    raised = 5 if on_conflict == "update_priority" else 1
    assert [(row.id, row.priority) for row in server.rows().values()] == [(1, raised)]
    assert server.tables.jobs.next_id == 3


@pytest.mark.parametrize("commits", [True, False])
def test_a_key_is_free_once_the_end_of_its_job_has_committed(server, commits):
    server.commit(server.enqueue(new(key="k")))
    logging = server.log(1)
    enqueueing = server.enqueue(new(key="k"))
    assert enqueueing.blocker is logging
    if commits:
        server.commit(logging)
        server.commit(enqueueing)
        assert list(server.rows()) == [2]
    else:
        server.finish(logging)
        assert isinstance(enqueueing.rejection.error, UniqueViolationError)
        assert list(server.rows()) == [1]


def test_a_batch_has_what_it_inserted_before_it_waits(server):
    first = server.enqueue(new(key="b"))
    batch = server.enqueue(new(key="a"), new(key="b"), on_conflict="skip")
    third = server.enqueue(new(key="a"), on_conflict="skip")
    assert (batch.blocker, third.blocker) == (first, batch)
    for each in (first, batch, third):
        server.commit(each)
    assert [row.dedupe_key for row in server.rows().values()] == ["b", "a"]


def test_statements_that_wait_for_each_other_are_a_deadlock(server):
    first = server.enqueue(new(key="c"))
    one = server.enqueue(new(key="a"), new(key="c"), new(key="b"), on_conflict="skip")
    other = server.enqueue(new(key="b"), new(key="a"), on_conflict="skip")
    assert [one.deadlocked, other.deadlocked] == [False, False]
    server.commit(first)
    assert [one.deadlocked, other.deadlocked] == [True, True]
    one.fail(rejected("40P01", "deadlock detected"))
    server.go_on(one)
    server.commit(other)
    assert [row.dedupe_key for row in server.rows().values()] == ["c", "b", "a"]


def test_who_waits_for_a_deadlock_is_not_part_of_it(server):
    first = server.enqueue(new(key="c"))
    one = server.enqueue(new(key="a"), new(key="c"), new(key="b"), on_conflict="skip")
    other = server.enqueue(new(key="b"), new(key="a"), on_conflict="skip")
    third = server.enqueue(new(key="a"))
    server.commit(first)
    assert third.blocker is one
    assert [each.deadlocked for each in (one, other, third)] == [True, True, False]


# --- schedules, log, tables ---

TICKS = [("* * * * *", "s", Duration(0)), ("0 * * * *", "s", Duration(0))]


def test_two_schedulers_never_claim_one_tick(server):
    server.run("insert_schedule", decide_insert_schedules, TICKS)
    first = server.begin("fetch_schedule", decide_fetch_schedules, TICKS[:1])
    second = server.begin("fetch_schedule", decide_fetch_schedules, TICKS)
    assert [event.schedule_id for event in first.events] == [1]
    assert [event.schedule_id for event in second.events] == [2]


def test_a_registration_waits_for_another_and_then_keeps_its_schedule(server):
    first = server.begin("insert_schedule", decide_insert_schedules, TICKS[:1])
    second = server.begin("insert_schedule", decide_insert_schedules, TICKS)
    assert second.blocker is first
    server.commit(first)
    server.commit(second)
    assert list(server.tables.schedules.rows) == [1, 3]


def test_guarded_aggregations_leave_the_log_to_each_other(server):
    server.commit(server.enqueue(new(), new()))
    first, second = server.aggregate(guarded=True), server.aggregate(guarded=True)
    server.commit(second)
    server.commit(first)
    assert [row.count for row in server.tables.statistics.rows.values()] == [2]


@pytest.mark.parametrize("guarded", [(False, False), (True, False), (False, True)])
def test_other_aggregations_count_what_both_see_twice(server, guarded):
    server.commit(server.enqueue(new(), new()))
    first, second = (server.aggregate(guarded=each) for each in guarded)
    assert second.blocker is first
    server.commit(first)
    server.commit(second)
    assert [row.count for row in server.tables.statistics.rows.values()] == [4]
    assert server.tables.log.unaggregated == 0


def test_an_aggregation_leaves_what_was_logged_after_it_began(server):
    server.commit(server.enqueue(new()))
    aggregating = server.aggregate(guarded=True)
    server.commit(server.enqueue(new()))
    server.commit(aggregating)
    assert server.tables.log.unaggregated == 1
    server.commit(server.aggregate(guarded=True))
    assert [row.count for row in server.tables.statistics.rows.values()] == [2]


def test_buckets_are_locked_in_the_order_of_their_rows_whatever_strings_hash_to(server):
    for number in range(20):
        server.commit(server.enqueue(new(f"e{number}")))
    server.commit(server.aggregate(guarded=False))
    names = [f"e{number}" for number in reversed(range(20))]
    clearing = server.begin("clear_statistics_log", decide_clear_statistics, names)
    assert [bucket[0] for _, bucket in server.tables.locks] == names[::-1]
    server.commit(clearing)
    assert not server.tables.statistics.rows


def test_a_truncate_waits_for_all_who_use_its_table_and_they_for_it(server):
    server.commit(server.enqueue(new()))
    beating = server.beat(1)
    truncating = server.begin("truncate_queue", decide_clear_queue, None)
    enqueueing = server.enqueue(new())
    asking = server.begin("queued_work", lambda tables, now: [])
    scheduling = server.begin("insert_schedule", decide_insert_schedules, TICKS)
    assert truncating.blocker is beating
    assert {enqueueing.blocker, asking.blocker} == {truncating}
    assert scheduling.ready
    server.commit(beating)
    server.commit(truncating)
    server.commit(enqueueing)
    assert list(server.rows()) == [2]
    assert select_queued_work(server.tables, server.now, ["a"]) == 1


def test_all_locks_are_gone_when_all_have_ended(server):
    server.commit(server.enqueue(*[new(key=f"k{number}") for number in range(4)]))
    begun = [server.dequeue(ANN, 2, limit=3), server.log(3), server.aggregate(guarded=True)]
    assert server.tables.locks
    for each in begun:
        server.commit(each)
    assert not server.tables.locks
    assert not len(server.transactions)
    assert JobId(3) not in server.rows()
