"""The notification port: notifications that clients send themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgqueuer.domain import models

from simqueue.adapter.port import Port

if TYPE_CHECKING:
    from pgqueuer.domain import types


class NotificationQueries(Port):
    """Notifications other than those of the queue table's trigger."""

    async def notify_job_cancellation(self, ids: list[types.JobId]) -> None:
        """Ask the workers that run these jobs to cancel them."""
        channel = self.qbq.settings.channel
        event = models.CancellationEvent(
            channel=channel, ids=ids, sent_at=models.utc_now(), type="cancellation_event"
        )
        await self.driver.notify(channel, event.model_dump_json())

    async def notify_health_check(self, health_check_event_id: types.HealthCheckId) -> None:
        """Send a health check, which reaches every listener."""
        channel = self.qbq.settings.channel
        event = models.HealthCheckEvent(
            channel=channel,
            sent_at=models.utc_now(),
            type="health_check_event",
            id=health_check_event_id,
        )
        await self.driver.notify(channel, event.model_dump_json())
