"""Messages from the server to a client: replies and notifications, in the order they were sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from simqueue.choices import Stream
from simqueue.model.choice_key import key_of
from simqueue.model.events import NotificationDelivered, NotificationDropped
from simqueue.model.ids import EntryNumber
from simqueue.sim.database.errand import Network
from simqueue.sim.database.mishaps import StatementMishaps
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.recorder import Recorder
from simqueue.sim.kernel.scheduler import Scheduler


class Inbound:
    """One direction of a connection: a TCP stream, so messages keep their order.

    ``hear`` takes the channel and payload of each notification that arrives.
    """

    def __init__(
        self,
        name: str,
        process: Process,
        network: Network,
        scheduler: Scheduler,
        recorder: Recorder,
        *,
        stalls: StatementMishaps | None,
        hear: Callable[[str, str], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._name, self._process, self._network = name, process, network
        self._scheduler, self._recorder = scheduler, recorder
        self._stalls, self._hear, self._loop = stalls, hear, loop
        self._delays = network.choices.stream(key_of(name, kind="notify"))
        self._arrived = 0
        self._in_flight: deque[EntryNumber] = deque()
        self._lost = False

    def arrival(self, stream: Stream) -> int:
        """Pick when something that is sent now arrives."""
        return self._after(self._scheduler.now + self._network.delay(stream))

    def end_of_stream(self) -> int:
        """Return when the client notices that the server is gone."""
        return self._after(self._scheduler.now + self._network.hop)

    def _after(self, due: int) -> int:
        self._arrived = max(due, self._arrived)
        return self._arrived

    def notify(self, sent: EntryNumber, channel: str, payload: str) -> None:
        """Send a notification to the client."""
        self._in_flight.append(sent)
        if self._stalls is not None:
            now = self._scheduler.now
            self._after(now + self._stalls.hold_up(now))
        due = self.arrival(self._delays)
        self._scheduler.post(self._process, due, self._deliver, channel, payload)

    def _deliver(self, channel: str, payload: str) -> None:
        # As asyncpg does: in a step of its own, behind the task that a reply before it has woken.
        self._loop.call_soon(self._heard, channel, payload, context=self._process.context)

    def _heard(self, channel: str, payload: str) -> None:
        if self._lost:
            return
        sent = self._in_flight.popleft()
        delivered = NotificationDelivered(self._name, sent)
        self._recorder.append(self._process.worker, delivered, sent)
        self._hear(channel, payload)

    def lose(self) -> None:
        """Deliver nothing more: the connection broke."""
        self._lost = True
        self.drop()

    def drop(self) -> None:
        """Drop the notifications that are on their way."""
        for sent in self._in_flight:
            dropped = NotificationDropped(self._name, sent)
            self._recorder.append(self._process.worker, dropped, sent)
        self._in_flight.clear()
