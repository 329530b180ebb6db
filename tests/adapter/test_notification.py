import asyncio
from uuid import UUID

from pgqueuer.domain.models import AnyEvent

PROBE = UUID("33333333-3333-3333-3333-333333333333")


def test_a_cancellation_names_the_jobs_on_pgqueuers_channel(queries, driver):
    heard = []

    async def use():
        await driver.add_listener("ch_pgqueuer", heard.append)
        await queries.notify_job_cancellation([1, 2])

    asyncio.run(use())
    (event,) = (AnyEvent.model_validate_json(payload).root for payload in heard)
    assert (event.type, event.channel, event.ids) == ("cancellation_event", "ch_pgqueuer", [1, 2])


def test_a_health_check_carries_its_probe(queries, driver):
    heard = []

    async def use():
        await driver.add_listener("ch_pgqueuer", heard.append)
        await queries.notify_health_check(PROBE)

    asyncio.run(use())
    (event,) = (AnyEvent.model_validate_json(payload).root for payload in heard)
    assert (event.type, event.id) == ("health_check_event", PROBE)
