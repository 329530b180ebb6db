import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pgqueuer.domain.models import TracebackRecord

START = datetime(2024, 1, 1, tzinfo=UTC)
MANAGER = UUID("11111111-1111-1111-1111-111111111111")
OTHER = UUID("22222222-2222-2222-2222-222222222222")
HOUR = timedelta(hours=1)


def test_the_age_of_the_backlog_is_told_by_entrypoint(queries, clock):
    async def use():
        await queries.enqueue("refund", None)
        clock.advance(seconds=4)
        await queries.enqueue(["refund", "charge"], [None] * 2, [0] * 2)
        clock.advance(seconds=1)
        charge, refund = await queries.queue_age()
        assert (charge.entrypoint, charge.queued_count, charge.oldest_age_seconds) == (
            "charge",
            1,
            1.0,
        )
        assert (refund.oldest_created, refund.oldest_age_seconds) == (START, 5.0)
        assert refund.avg_age_seconds == 3.0

    asyncio.run(use())


def test_durations_run_from_the_pick_to_the_end(queries, claim, clock):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        first, second = await claim()
        clock.advance(seconds=1)
        await queries.log_jobs([(first, "successful", None)])
        clock.advance(seconds=2)
        await queries.log_jobs([(second, "exception", None)])
        (stats,) = await queries.job_duration_percentiles(HOUR)
        assert (stats.entrypoint, stats.completed) == ("charge", 2)
        assert (stats.p50_seconds, stats.max_seconds) == (2.0, 3.0)
        assert await queries.job_duration_percentiles(timedelta(seconds=1)) == []

    asyncio.run(use())


def test_throughput_is_aggregated_when_it_is_asked_for(queries, claim, clock):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        clock.advance(minutes=1)
        jobs = await claim()
        await queries.log_jobs([(job, "successful", None) for job in jobs])
        assert await queries.unaggregated_log_count() == 6
        totals = await queries.throughput_summary()
        assert [(t.entrypoint, t.status, t.total_count) for t in totals] == [
            ("charge", "queued", 2),
            ("charge", "picked", 2),
            ("charge", "successful", 2),
        ]
        assert await queries.unaggregated_log_count() == 0
        recent = await queries.throughput_summary(timedelta(seconds=30))
        assert {total.status for total in recent} == {"picked", "successful"}

    asyncio.run(use())


def test_the_throughput_of_each_minute_is_aggregated_when_it_is_asked_for(queries, clock):
    async def use():
        clock.advance(seconds=59)
        await queries.enqueue("charge", None)
        clock.advance(seconds=2)
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        buckets = await queries.throughput_timeseries(HOUR)
        assert [(bucket.bucket, bucket.status, bucket.count) for bucket in buckets] == [
            (START, "queued", 1),
            (START + timedelta(minutes=1), "queued", 2),
        ]

    asyncio.run(use())


def test_active_workers_are_those_that_hold_jobs(queries, claim, clock):
    async def use():
        await queries.enqueue(["charge", "refund", "charge"], [None] * 3, [0] * 3)
        await claim("charge", "refund", batch_size=2)
        clock.advance(seconds=1)
        await claim("charge", manager=OTHER)
        first, second = await queries.active_workers()
        assert (first.queue_manager_id, first.active_jobs) == (MANAGER, 2)
        assert first.entrypoints == ["charge", "refund"]
        assert (second.queue_manager_id, second.entrypoints) == (OTHER, ["charge"])
        assert second.oldest_heartbeat == second.newest_heartbeat == clock.now

    asyncio.run(use())


def test_stale_jobs_come_with_the_length_of_their_silence(queries, claim, clock):
    async def use():
        await queries.enqueue("charge", None)
        await claim()
        beat = clock.now
        clock.advance(seconds=2.5)
        (stale,) = await queries.stale_jobs(timedelta(seconds=2))
        assert (stale.id, stale.heartbeat, stale.seconds_since_heartbeat) == (1, beat, 2.5)
        assert stale.queue_manager_id == MANAGER
        assert await queries.stale_jobs(timedelta(seconds=3)) == []
        assert await queries.stale_jobs(timedelta(seconds=2), limit=0) == []

    asyncio.run(use())


def test_exceptions_come_newest_first_with_their_tracebacks(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 3, [None] * 3, [0] * 3)
        jobs = await claim()
        records = [TracebackRecord.from_exception(ValueError(job.id), job.id) for job in jobs]
        for job, record in zip(jobs[:2], records, strict=False):
            await queries.log_jobs([(job, "exception", record)])
        await queries.log_jobs([(jobs[2], "successful", None)])
        assert [row.traceback for row in await queries.exception_logs()] == records[1::-1]
        assert [row.job_id for row in await queries.exception_logs(1)] == [2]

    asyncio.run(use())


def test_the_queue_is_browsed_in_pages_and_by_status_and_entrypoint(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 3 + ["refund"], [None] * 4, [0, 0, 5, 0])
        await claim(batch_size=1)

        async def browse(**options):
            return [job.id for job in await queries.browse_queue(**options)]

        assert await browse() == [3, 1, 2, 4]
        assert await browse(limit=2, offset=1) == [1, 2]
        assert await browse(statuses=["picked"]) == [3]
        assert await browse(entrypoints=["refund"]) == [4]
        assert await browse(statuses=["queued"], entrypoints=["charge"]) == [1, 2]
        assert await browse(statuses=[], entrypoints=[]) == [3, 1, 2, 4]

    asyncio.run(use())


def test_a_job_is_found_by_its_id_while_it_is_in_the_queue(queries, claim):
    async def use():
        await queries.enqueue("charge", b"x")
        (job,) = await claim()
        assert await queries.queue_job_by_id(job.id) == job
        await queries.log_jobs([(job, "successful", None)])
        assert await queries.queue_job_by_id(job.id) is None

    asyncio.run(use())


def test_the_history_of_a_job_begins_with_the_oldest(queries, claim):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        first, _ = await claim()
        await queries.log_jobs([(first, "successful", None)])
        history = await queries.job_log_history(first.id)
        assert [row.status for row in history] == ["queued", "picked", "successful"]
        assert {row.job_id for row in history} == {first.id}
        assert [row.status for row in await queries.job_log_history(first.id, 1)] == ["queued"]

    asyncio.run(use())


def test_the_tables_are_listed_with_their_rows(queries):
    async def use():
        await queries.enqueue(["charge"] * 2, [None] * 2, [0] * 2)
        assert {
            table.table_name: table.estimated_rows for table in await queries.schema_info()
        } == {
            "pgqueuer": 2,
            "pgqueuer_log": 2,
            "pgqueuer_schedules": 0,
            "pgqueuer_statistics": 0,
        }

    asyncio.run(use())
