"""The machine that the code of a run sees: its clocks, sleeps and process id."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simqueue.errors import RefusedError
from simqueue.model.events import LoopBlocked
from simqueue.model.ids import Duration
from simqueue.sim.code.advice import POLLING
from simqueue.sim.code.refusing import refusal
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.core import Core
from simqueue.sim.loop.loop import SimulatedLoop
from simqueue.sim.patching.depth import Depth

_POLLS_MAX = 20
"""How often a function in a thread may sleep and read a clock, as polling with a deadline does."""
_READINGS_FREE = 10_000
_READING_US = 10
_STANDSTILL_US = 10 * _READING_US
_AGES_US = 10**18
"""The longest a process can be blocked, some 30,000 years: a trace holds 64 bits."""
_SLEEPS_MAX = 100_000


@dataclass(eq=False)
class Machine:
    """What patches ask of a run; the answers are those of the process that runs now."""

    core: Core
    loop: SimulatedLoop
    depth: Depth = field(default_factory=Depth)

    def __post_init__(self) -> None:
        self._read_at = self._readings = 0
        self.loop.on_reading = self._spend_reading
        self.loop.on_refused = self.core.refused

    @property
    def attended(self) -> bool:
        """Whether a person is at a debugger's prompt."""
        return self.core.attended

    def refused(self, error: RefusedError) -> None:
        """End the run with a refusal, even if the code that got the error catches it."""
        self.core.refused(error)

    def pid(self) -> int:
        """Return the running process's id."""
        return self.core.scheduler.current.pid

    def in_thread(self) -> bool:
        """Return whether a function of another thread runs now, not a step of a loop."""
        return self.loop.in_thread()

    def awaits_threads(self) -> bool:
        """Return whether a function of the running process waits to run in a thread."""
        return self.loop.awaits_threads()

    # --- clocks ---

    def now_us(self) -> int:
        """Return virtual microseconds as the running process sees them."""
        self._spend_reading()
        return self.core.scheduler.local_now()

    def wall_ns(self) -> int:
        """Return Unix nanoseconds as the running process's wall clock shows them."""
        self._spend_reading()
        current = self.core.scheduler.current
        skew = (current.owner or current).skew
        return (self.core.epoch_us + self.core.scheduler.local_now() + skew) * 1_000

    def note_reading(self, value: int) -> None:
        """Add a clock reading to the digest."""
        self.core.recorder.note_reading(value)

    def _spend_reading(self) -> None:
        """Let time pass for code that reads a clock in a loop until it moves on."""
        scheduler = self.core.scheduler
        if scheduler.now != self._read_at:
            if scheduler.now - self._read_at > _STANDSTILL_US:
                self._readings = 0
            self._read_at = scheduler.now
        self._readings += 1
        if self._readings > _READINGS_FREE:
            scheduler.current.floor = scheduler.local_now() + _READING_US

    # --- sleeps ---

    def sleep(self, seconds: float) -> None:
        """Block the running process's loop: its own time goes on at once, the world's does not."""
        # Rounded up: a loop that sleeps for the rest of a second must end.
        self.block(Duration(max(0, math.ceil(round(seconds * 1_000_000, 3)))))

    def block(self, duration: Duration) -> None:
        """Move the running process or thread ahead of the world, as a sleep without await does.

        The cause of the event is the start of the handler that blocks, if one does.

        Raises:
            RefusedError: a thread seems to poll for something that only other steps can change.
        """
        scheduler = self.core.scheduler
        if self.attended:
            return
        thread = self.in_thread()
        if thread:
            self._check_sleeps()
        self.core.recorder.say(LoopBlocked(duration, thread), CAUSE.get())
        scheduler.current.floor = min(scheduler.local_now() + duration, _AGES_US)

    def _check_sleeps(self) -> None:
        """Refuse a sleep of a thread that would sleep for ever."""
        scheduler, limit = self.core.scheduler, self.core.config.limit
        lane = scheduler.current
        lane.sleeps += 1
        if scheduler.local_now() > scheduler.limit:
            raise refusal(f"sleeping in a thread beyond the run's limit of {limit}", POLLING)
        if lane.sleeps > _SLEEPS_MAX:
            raise refusal(f"sleeping {_SLEEPS_MAX:,} times in one function of a thread", POLLING)
        lane.polls += self._readings > lane.readings
        lane.readings = self._readings
        if lane.polls > _POLLS_MAX:
            what = f"sleeping and reading a clock {_POLLS_MAX} times in one function of a thread"
            raise refusal(what, POLLING)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While a person looks at the run, do not record clock readings, sleeps and log lines."""
        core, current = self.core, self.core.scheduler.current
        before = (core.attended, self._read_at, self._readings)
        floor = current.floor
        core.attended = True
        try:
            with core.recorder.aside():
                yield
        finally:
            core.attended, self._read_at, self._readings = before
            current.floor = floor
