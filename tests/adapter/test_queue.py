import asyncio
import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from uuid import UUID

import pytest
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.models import AnyEvent, TracebackRecord
from pgqueuer.ports.repository import EntrypointExecutionParameter

from simqueue import InMemoryDriver, InMemoryQueries
from simqueue.errors import PostgresError, UniqueViolationError

START = datetime(2024, 1, 1, tzinfo=UTC)
MANAGER = UUID("11111111-1111-1111-1111-111111111111")
OTHER = UUID("22222222-2222-2222-2222-222222222222")


def statuses(log):
    return [(row.job_id, row.status) for row in log]


def test_an_enqueued_job_comes_back_whole(queries, claim):
    async def use():
        ids = await queries.enqueue("charge", b"x", 3, headers={"trace": "7"})
        (job,) = await claim()
        assert ids == [job.id]
        assert (job.entrypoint, job.payload, job.priority) == ("charge", b"x", 3)
        assert (job.status, job.attempts, job.queue_manager_id) == ("picked", 0, MANAGER)
        assert job.headers == {"trace": "7"}
        picked = START + timedelta(microseconds=1)
        assert (job.created, job.execute_after) == (START, START)
        assert (job.updated, job.heartbeat) == (picked, picked)

    asyncio.run(use())


def test_a_job_without_headers_has_none(queries, claim):
    async def use():
        await queries.enqueue("charge", None)
        (job,) = await claim()
        assert job.headers is None
        assert job.payload is None

    asyncio.run(use())


def test_a_batch_takes_one_value_of_each_column_per_job(queries, claim):
    async def use():
        ids = await queries.enqueue(
            ["charge", "refund"],
            [b"a", None],
            [1, 2],
            [None, timedelta(seconds=1)],
            [None, "key"],
            [{"n": "1"}, None],
        )
        assert ids == [1, 2]
        assert [job.id for job in await claim("charge", "refund")] == [1]
        assert await queries.next_deferred_eta(["refund"]) == timedelta(seconds=1, microseconds=-1)

    asyncio.run(use())


def test_a_batch_of_unequal_columns_is_refused(queries):
    async def use():
        with pytest.raises(ValueError, match=r"payload|argument 2"):
            await queries.enqueue(["charge", "charge"], [None], [0, 0])
        assert await queries.queue_size() == []

    asyncio.run(use())


def test_jobs_are_claimed_by_priority_and_then_by_age(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 4, [None] * 4, [0, 5, 0, 5])
        assert [job.id for job in await claim(batch_size=3)] == [2, 4, 1]
        assert [job.id for job in await claim(batch_size=3)] == [3]

    asyncio.run(use())


def test_a_batch_size_below_one_is_refused(claim):
    with pytest.raises(ValueError, match="batch_size is 0; a worker claims 1 job or more"):
        asyncio.run(claim(batch_size=0))


def test_a_concurrency_limit_counts_the_picked_jobs_of_all_workers(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 5, [None] * 5, [0] * 5)
        assert len(await claim(limit=3, batch_size=2)) == 2
        assert len(await claim(limit=3, manager=OTHER)) == 1
        assert await claim(limit=3) == []

    asyncio.run(use())


def test_a_worker_limit_counts_its_own_picked_jobs(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 5, [None] * 5, [0] * 5)
        assert len(await claim(worker_limit=2)) == 2
        assert await claim(worker_limit=2) == []
        assert len(await claim(worker_limit=2, manager=OTHER)) == 2

    asyncio.run(use())


def test_a_job_whose_worker_fell_silent_is_claimed_by_another(queries, claim, clock):
    async def use():
        await queries.enqueue("charge", None)
        (job,) = await claim()
        clock.advance(seconds=30)
        await queries.update_heartbeat([job.id, job.id])
        clock.advance(seconds=29)
        assert await claim(manager=OTHER) == []
        clock.advance(seconds=2)
        (again,) = await claim(manager=OTHER)
        assert (again.id, again.queue_manager_id) == (job.id, OTHER)

    asyncio.run(use())


class FailingConnection:
    """A session whose server rejects every statement."""

    def __init__(self, error):
        self.error = error
        self.on_notify = print

    async def run(self, statement):
        raise self.error


def dequeue_against(error):
    queries = InMemoryQueries(InMemoryDriver(connection=FailingConnection(error)))
    entrypoints = {"charge": EntrypointExecutionParameter(1)}
    return queries.dequeue(1, entrypoints, MANAGER, None, timedelta(seconds=30))


@pytest.mark.parametrize(
    "error",
    [
        UniqueViolationError.of("pgqueuer_picked_slot_idx"),
        PostgresError("40P01", "deadlock detected"),
    ],
)
def test_a_dequeue_that_loses_its_slot_to_another_finds_nothing(error):
    assert asyncio.run(dequeue_against(error)) == []


@pytest.mark.parametrize(
    "error",
    [
        UniqueViolationError.of("pgqueuer_unique_dedupe_key"),
        PostgresError("57P01", "terminating connection"),
        # The deadlock's code must not be looked for in the name of a constraint, nor the reverse.
        PostgresError("23514", "violates check constraint", "40P01"),
    ],
)
def test_a_dequeue_raises_whatever_else_the_server_answers(error):
    with pytest.raises(PostgresError) as raised:
        asyncio.run(dequeue_against(error))
    assert raised.value is error


def test_dequeue_lets_other_tasks_run_even_when_there_is_work(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        ran = []
        asyncio.get_running_loop().call_soon(ran.append, True)
        assert len(await claim()) == 2
        assert ran == [True]

    asyncio.run(use())


def test_a_dedupe_key_in_use_raises_what_pgqueuer_raises_and_nothing_is_inserted(queries):
    async def use():
        await queries.enqueue("charge", None, dedupe_key="key")
        with pytest.raises(DuplicateJobError) as raised:
            await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2, None, [None, "key"])
        assert isinstance(raised.value.__cause__, UniqueViolationError)
        assert raised.value.__cause__.sqlstate == "23505"
        (size,) = await queries.queue_size()
        assert size.count == 1

    asyncio.run(use())


def test_skip_leaves_out_what_is_there_and_says_which(queries):
    async def use():
        await queries.enqueue("charge", None, dedupe_key="key")
        ids = await queries.enqueue(
            ["charge"] * 3, [None] * 3, [0] * 3, None, ["key", None, "new"], on_conflict="skip"
        )
        assert ids[0] is None
        assert None not in ids[1:]
        (size,) = await queries.queue_size()
        assert size.count == 3

    asyncio.run(use())


def test_update_priority_raises_the_job_that_is_there_and_never_lowers_it(queries, claim):
    async def use():
        (first,) = await queries.enqueue("charge", None, 1, dedupe_key="key")
        for priority in (5, 3):
            ids = await queries.enqueue(
                "charge", None, priority, dedupe_key="key", on_conflict="update_priority"
            )
            assert ids == [first]
        (job,) = await claim()
        assert job.priority == 5

    asyncio.run(use())


def test_update_priority_takes_a_dedupe_key_once_per_call(queries):
    async def use():
        with pytest.raises(ValueError, match="at most once per call"):
            await queries.enqueue(
                ["charge"] * 2,
                [None] * 2,
                [0] * 2,
                None,
                ["key", "key"],
                on_conflict="update_priority",
            )
        assert await queries.queue_size() == []

    asyncio.run(use())


def test_an_unknown_way_out_of_a_conflict_is_refused(queries):
    async def use():
        with pytest.raises(AssertionError, match="on_conflict is 'ignore'; with the installed"):
            await queries.enqueue("charge", None, on_conflict="ignore")
        assert await queries.queue_size() == []

    asyncio.run(use())


class Name(str, Enum):  # noqa: UP042  its str() is not its value
    CHARGE = "charge"


def test_what_a_driver_would_encode_becomes_the_plain_value_it_stands_for(queries, claim):
    async def use():
        payload = bytearray(b"x")
        await queries.enqueue(Name.CHARGE, payload, True, dedupe_key=Name.CHARGE)
        payload[:] = b"y"
        (job,) = await claim(Name.CHARGE)
        plain = (job.entrypoint, job.payload, job.priority)
        assert plain == ("charge", b"x", 1)
        assert [type(value) for value in plain] == [str, bytes, int]
        assert await queries.queued_work(["charge"]) == 0

    asyncio.run(use())


@pytest.mark.parametrize(
    "job",
    [
        (1, None, 0),
        ("charge", "x", 0),
        ("charge", 5, 0),
        ("charge", None, "5"),
        ("charge", None, 1.5),
    ],
)
def test_what_no_driver_could_encode_is_refused(queries, job):
    async def use():
        with pytest.raises(TypeError):
            await queries.enqueue(*job)
        assert await queries.queue_size() == []

    asyncio.run(use())


class Tracer:
    def trace_publish(self, entrypoints):
        for entrypoint in entrypoints:
            yield {"traced": entrypoint}


def test_a_tracers_headers_join_those_of_the_caller(driver, claim):
    queries = InMemoryQueries(driver, tracer=Tracer())

    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2, headers=[{"own": "1"}, None])
        first, second = await claim()
        assert first.headers == {"own": "1", "traced": "charge"}
        assert second.headers == {"traced": "charge"}

    asyncio.run(use())


def test_a_finished_job_leaves_the_queue_and_stays_in_the_log(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        first, second = await claim()
        record = TracebackRecord.from_exception(ValueError("no money"), second.id)
        await queries.log_jobs([(first, "successful", None), (second, "exception", record)])
        assert await queries.queue_size() == []
        assert await queries.job_status([second.id, first.id, 99]) == [
            (first.id, "successful"),
            (second.id, "exception"),
        ]
        log = await queries.queue_log()
        assert statuses(log) == [
            (1, "queued"),
            (2, "queued"),
            (1, "picked"),
            (2, "picked"),
            (1, "successful"),
            (2, "exception"),
        ]
        assert log[-1].traceback == record
        assert log[0].created == START

    asyncio.run(use())


def test_a_held_job_is_listed_and_runs_again_once_requeued(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        held = await claim()
        await queries.log_jobs([(job, "failed", None) for job in held])
        assert [job.id for job in await queries.list_failed_jobs()] == [2, 1]
        assert [job.id for job in await queries.list_failed_jobs(1, "ASC")] == [1]
        assert await claim() == []
        await queries.requeue_jobs([1])
        assert [job.id for job in await claim()] == [1]
        assert [job.id for job in await queries.list_failed_jobs()] == [2]

    asyncio.run(use())


def test_a_retried_job_is_due_after_its_delay_with_one_attempt_more(queries, claim, clock):
    async def use():
        await queries.enqueue("charge", None)
        (job,) = await claim()
        record = TracebackRecord.from_exception(ValueError("later"), job.id)
        await queries.retry_job(job, timedelta(seconds=5), record)
        assert await queries.queued_work(["charge"]) == 1
        assert await queries.eligible_queued_work(["charge"]) == 0
        assert await queries.next_deferred_eta(["charge"]) == timedelta(seconds=5)
        clock.advance(seconds=5)
        assert await queries.eligible_queued_work(["charge"]) == 1
        assert await queries.next_deferred_eta(["charge"]) is None
        (again,) = await claim()
        assert (again.id, again.attempts) == (job.id, 1)
        assert (await queries.queue_log())[2].traceback == record

    asyncio.run(use())


def test_cancelling_logs_the_jobs_and_tells_the_workers(queries, driver):
    heard = []

    async def use():
        ids = await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        await driver.add_listener("ch_pgqueuer", heard.append)
        await queries.mark_job_as_cancelled(ids)
        assert await queries.queue_size() == []
        assert [status for _, status in await queries.job_status(ids)] == ["canceled"] * 2

    asyncio.run(use())
    deleted, cancelled = (AnyEvent.model_validate_json(payload).root for payload in heard)
    assert (deleted.type, deleted.operation) == ("table_changed_event", "delete")
    assert (cancelled.type, cancelled.ids) == ("cancellation_event", [1, 2])


def test_an_insert_is_notified_in_the_triggers_words(queries, driver):
    heard = []

    async def use():
        await driver.add_listener("ch_pgqueuer", heard.append)
        await queries.enqueue("charge", None)

    asyncio.run(use())
    (payload,) = heard
    assert json.loads(payload) == {
        "channel": "ch_pgqueuer",
        "operation": "insert",
        "sent_at": "2024-01-01T00:00:00+00:00",
        "table": "pgqueuer",
        "type": "table_changed_event",
    }


def test_sizes_count_by_entrypoint_priority_and_status(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 3, [None] * 3, [0, 0, 1])
        await claim(batch_size=1)
        sizes = await queries.queue_size()
        assert [(s.count, s.entrypoint, s.priority, s.status) for s in sizes] == [
            (1, "charge", 1, "picked"),
            (2, "charge", 0, "queued"),
        ]

    asyncio.run(use())


@pytest.mark.parametrize("names", ["charge", ["charge"]])
def test_clearing_an_entrypoint_leaves_the_others(queries, names):
    async def use():
        await queries.enqueue(["charge", "refund"], [None] * 2, [0] * 2)
        await queries.clear_queue(names)
        assert [size.entrypoint for size in await queries.queue_size()] == ["refund"]
        assert (await queries.job_status([1]))[0][1] == "deleted"
        await queries.aggregate_logs()
        await queries.clear_statistics_log(names)
        assert {row.entrypoint for row in await queries.log_statistics(None)} == {"refund"}
        await queries.clear_queue_log(names)
        assert {row.entrypoint for row in await queries.queue_log()} == {"refund"}

    asyncio.run(use())


@pytest.mark.parametrize("nothing", [None, "", []])
def test_clearing_without_a_name_clears_everything(queries, nothing):
    async def use():
        await queries.enqueue(["charge", "refund"], [None] * 2, [0] * 2)
        await queries.clear_queue(nothing)
        assert await queries.queue_size() == []
        assert len(await queries.queue_log()) == 2
        await queries.aggregate_logs()
        await queries.clear_statistics_log(nothing)
        assert await queries.log_statistics(None) == []
        await queries.clear_queue_log(nothing)
        assert await queries.queue_log() == []

    asyncio.run(use())


def test_statistics_are_aggregated_when_they_are_asked_for(queries, clock):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        clock.advance(seconds=1, microseconds=5)
        await queries.enqueue("charge", None)
        newest, oldest = await queries.log_statistics(None)
        assert (newest.count, newest.created) == (1, START + timedelta(seconds=1))
        assert (oldest.count, oldest.created) == (2, START)
        assert [row.count for row in await queries.log_statistics(1)] == [1]
        recent = await queries.log_statistics(None, timedelta(seconds=1))
        assert [row.count for row in recent] == [1]

    asyncio.run(use())


def test_two_queries_on_one_driver_see_the_same_tables(driver):
    async def use():
        await InMemoryQueries(driver).enqueue("charge", None)
        assert await InMemoryQueries(driver).queued_work(["charge"]) == 1

    asyncio.run(use())


def test_two_drivers_of_one_database_see_the_same_tables(database):
    async def use():
        await InMemoryQueries(InMemoryDriver(database)).enqueue("charge", None)
        assert await InMemoryQueries(InMemoryDriver(database)).queued_work(["charge"]) == 1
        assert await InMemoryQueries(InMemoryDriver()).queued_work(["charge"]) == 0

    asyncio.run(use())


@pytest.mark.parametrize(
    "use",
    [
        lambda queries: queries.enqueue("a", None, 2**31),
        lambda queries: queries.job_status([2**63]),
        lambda queries: queries.requeue_jobs([-(2**63) - 1]),
        lambda queries: queries.update_heartbeat([2**63]),
        lambda queries: queries.list_failed_jobs(2**63),
        lambda queries: queries.mark_job_as_cancelled([2**63]),
    ],
)
def test_integers_that_no_column_holds_are_refused(queries, use):
    with pytest.raises(PostgresError, match="out of int") as caught:
        asyncio.run(use(queries))
    assert caught.value.sqlstate == "22000"


def test_headers_come_back_as_jsonb_gives_them(queries):
    async def use():
        await queries.enqueue("a", None, headers={"bb": 1, "a": {"z": 1.0, "y": 1e16}})
        (job,) = await queries.browse_queue()
        assert list(job.headers) == ["a", "bb"]
        assert list(job.headers["a"].items()) == [("y", 10**16), ("z", 1.0)]
        with pytest.raises(PostgresError) as caught:
            await queries.enqueue("a", None, headers={"a": float("nan")})
        assert caught.value.sqlstate == "22P02"

    asyncio.run(use())
