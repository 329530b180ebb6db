"""The recorder: the event log of one run while it grows, and the run's digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

import msgspec

from simqueue.model.events import AnyEvent, Entry
from simqueue.model.ids import EntryNumber, Instant
from simqueue.model.log import Entries, Log
from simqueue.sim.kernel.escaping import writable
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.scheduler import Scheduler

Watch = Callable[[int, Entry], None]


class Recorder:
    """Appends events in the order of virtual time and calls the watchers with each."""

    __slots__ = (
        "_aside", "_by_type", "_scheduler", "_sealed", "_watchers", "entries", "readings",
    )  # fmt: skip

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._sealed = self._aside = False
        self._watchers: list[Watch] = []
        self._by_type: dict[type, list[Watch]] = {}
        self.entries = Log()
        self.readings = 0
        """A running checksum of every clock reading of the simulated code."""

    def watch(self, watcher: Watch, *types: type) -> None:
        """Call ``watcher(number, entry)`` after each entry, or those of the ``types`` given."""
        if not types:
            self._watchers.append(watcher)
        for event in types:
            self._by_type.setdefault(event, []).append(watcher)

    @property
    def now(self) -> Instant:
        """The present instant of the world."""
        return Instant(self._scheduler.now)

    def seal(self) -> None:
        """Ignore all events from now on: the run is over and is being taken down."""
        self._sealed = True

    @property
    def sealed(self) -> bool:
        """Whether the run is over."""
        return self._sealed

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While this lasts, ignore events of processes and clock readings."""
        before = (self._aside, self.readings)
        self._aside = True
        try:
            yield
        finally:
            self._aside, self.readings = before

    def note_reading(self, value: int) -> None:
        """Mix one clock reading into the digest."""
        self.readings = (self.readings * 1_000_003 ^ value) & 0xFFFFFFFFFFFFFFFF

    def append(
        self,
        worker: str,
        event: AnyEvent,
        cause: EntryNumber | None = None,
        began: Instant | None = None,
    ) -> EntryNumber:
        """Append an event that happens now in the world's time; return its number."""
        entries = self.entries
        number = EntryNumber(len(entries))
        if self._sealed:
            return number
        entry = Entry(Instant(self._scheduler.now), worker, writable(event), cause, began)
        entries.append(entry)
        if self._watchers:
            for watcher in self._watchers:
                watcher(number, entry)
        interested = self._by_type.get(type(event))
        if interested is not None:
            for watcher in interested:
                watcher(number, entry)
        return number

    def say(self, event: AnyEvent, cause: EntryNumber | None = None) -> EntryNumber | None:
        """Append an event of the running process, at the process's own time; return its number.

        A process or thread that has slept without awaiting is ahead of the world: its event is
        appended when the world gets there, or never if the process is killed first. Then the event
        has no number yet, and None is returned.
        """
        if self._aside:
            return None
        process = self._scheduler.current
        if process.floor <= self._scheduler.now:
            return self.append(process.worker, event, cause)
        holder = process.owner or process
        self._scheduler.post(holder, process.floor, self._later, process, event, cause)
        return None

    def _later(self, process: Process, event: AnyEvent, cause: EntryNumber | None) -> None:
        self.append(process.worker, event, cause)


def digest(entries: Entries, *rest: object) -> str:
    """Return 32 hexadecimal digits over every event and over ``rest``."""
    state = blake2b(digest_size=16)
    encoder = msgspec.msgpack.Encoder()
    for entry in entries:
        state.update(encoder.encode(entry))
    state.update(encoder.encode(rest))
    return state.hexdigest()
