import asyncio
from datetime import UTC, datetime, timedelta
from enum import Enum

from pgqueuer.domain.models import CronExpressionEntrypoint

START = datetime(2024, 1, 1, tzinfo=UTC)
SWEEP = CronExpressionEntrypoint("sweep", "* * * * *")
REPORT = CronExpressionEntrypoint("report", "0 * * * *")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_a_registered_schedule_waits_for_its_first_tick(queries):
    async def use():
        await queries.insert_schedule({SWEEP: MINUTE, REPORT: HOUR})
        await queries.insert_schedule({SWEEP: HOUR})
        sweep, report = await queries.peek_schedule()
        assert (sweep.entrypoint, sweep.expression) == SWEEP
        assert (sweep.status, sweep.next_run, sweep.last_run) == ("queued", START + MINUTE, None)
        assert (report.entrypoint, report.next_run) == ("report", START + HOUR)
        assert await queries.fetch_schedule({SWEEP: MINUTE}) == []

    asyncio.run(use())


def test_a_due_schedule_is_claimed_once_and_its_next_tick_is_set(queries, clock):
    async def use():
        await queries.insert_schedule({SWEEP: MINUTE, REPORT: HOUR})
        clock.advance(minutes=1)
        (sweep,) = await queries.fetch_schedule({SWEEP: MINUTE, REPORT: HOUR})
        assert (sweep.entrypoint, sweep.status) == ("sweep", "picked")
        assert (sweep.next_run, sweep.heartbeat) == (START + 2 * MINUTE, START + MINUTE)
        assert await queries.fetch_schedule({SWEEP: MINUTE}) == []

    asyncio.run(use())


def test_a_schedule_given_back_has_run_and_is_due_again_at_its_next_tick(queries, clock):
    async def use():
        await queries.insert_schedule({SWEEP: MINUTE})
        clock.advance(minutes=1)
        (sweep,) = await queries.fetch_schedule({SWEEP: MINUTE})
        clock.advance(seconds=10)
        await queries.set_schedule_queued({sweep.id})
        (seen,) = await queries.peek_schedule()
        assert (seen.status, seen.last_run) == ("queued", START + timedelta(seconds=70))
        assert await queries.fetch_schedule({SWEEP: MINUTE}) == []
        clock.advance(seconds=50)
        assert [row.id for row in await queries.fetch_schedule({SWEEP: MINUTE})] == [sweep.id]

    asyncio.run(use())


def test_a_schedule_whose_holder_beats_is_not_claimed_by_another(queries, clock):
    async def use():
        await queries.insert_schedule({SWEEP: MINUTE})
        clock.advance(minutes=1)
        (sweep,) = await queries.fetch_schedule({SWEEP: MINUTE})
        for _ in range(3):
            clock.advance(seconds=29)
            assert await queries.fetch_schedule({SWEEP: MINUTE}) == []
            await queries.update_schedule_heartbeat({sweep.id})
        clock.advance(seconds=31)
        assert [row.id for row in await queries.fetch_schedule({SWEEP: MINUTE})] == [sweep.id]

    asyncio.run(use())


def test_schedules_are_deleted_by_id_and_by_entrypoint(queries):
    async def use():
        purge = CronExpressionEntrypoint("purge", "* * * * *")
        await queries.insert_schedule({SWEEP: MINUTE, REPORT: HOUR, purge: MINUTE})
        await queries.delete_schedule({1}, {"report"})
        assert [row.entrypoint for row in await queries.peek_schedule()] == ["purge"]
        await queries.clear_schedule()
        assert await queries.peek_schedule() == []

    asyncio.run(use())


def test_enums_that_are_strings_are_stored_by_their_value(queries, clock):
    class Name(str, Enum):  # noqa: UP042  as applications write it
        SWEEP = "sweep"

    async def use():
        named = CronExpressionEntrypoint(Name.SWEEP, "* * * * *")
        await queries.insert_schedule({named: MINUTE})
        clock.advance(minutes=1)
        (sweep,) = await queries.fetch_schedule({SWEEP: MINUTE})
        assert sweep.entrypoint == "sweep"
        await queries.delete_schedule(set(), {Name.SWEEP})
        assert await queries.peek_schedule() == []

    asyncio.run(use())
