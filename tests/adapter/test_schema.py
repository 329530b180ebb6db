import asyncio
from datetime import timedelta

from pgqueuer.domain.models import CronExpressionEntrypoint


def test_everything_is_there_without_an_install(queries):
    async def use():
        return [
            await queries.schema_is_installed(),
            await queries.has_table("pgqueuer"),
            await queries.table_has_column("pgqueuer", "slot"),
            await queries.table_has_index("pgqueuer", "pgqueuer_picked_slot_idx"),
            await queries.has_user_defined_enum("queued", "pgqueuer_status"),
            await queries.has_function("fn_pgqueuer_changed"),
            await queries.has_trigger("tg_pgqueuer_changed"),
        ]

    assert asyncio.run(use()) == [True] * 7


def test_installing_and_upgrading_leave_the_rows_alone(queries):
    async def use():
        await queries.enqueue("charge", None)
        await queries.install()
        await queries.upgrade()
        assert await queries.queued_work(["charge"]) == 1

    asyncio.run(use())


def test_uninstalling_empties_every_table_and_ids_begin_again(queries):
    async def use():
        await queries.enqueue("charge", None, dedupe_key="key")
        await queries.aggregate_logs()
        hourly = CronExpressionEntrypoint("sweep", "0 * * * *")
        await queries.insert_schedule({hourly: timedelta(hours=1)})
        await queries.uninstall()
        assert {table.estimated_rows for table in await queries.schema_info()} == {0}
        assert await queries.enqueue("charge", None, dedupe_key="key") == [1]

    asyncio.run(use())
