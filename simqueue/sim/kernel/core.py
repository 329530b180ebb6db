"""The core of a run: time, choices and the event log, and how the run ends."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import timedelta

from simqueue.choices import Choices
from simqueue.errors import RefusedError, UsageError
from simqueue.model.config import Config
from simqueue.model.events import AnyEvent
from simqueue.model.failure import Failure
from simqueue.sim.kernel.handles import Handle
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.recorder import Recorder
from simqueue.sim.kernel.scheduler import Scheduler

_US = timedelta(microseconds=1)
_REFUSALS_MAX = 100
"""How many refused calls of one step are let through before the step is ended."""


class Hang(BaseException):
    """Thrown into a step that would not end by itself; the step must not catch it."""


@dataclass(eq=False)
class Core:
    """The core that every part of a world uses: time, choices, the event log, and the run's end.

    Of several failures the first counts; a refusal replaces any of them.
    """

    config: Config
    choices: Choices
    failure: Failure | None = None
    culprit: BaseException | None = None
    """The error behind the failure, if there is one."""
    refusal: RefusedError | None = None
    """The first refusal; the run fails with it even if the code caught the error."""
    aborted: BaseException | None = None
    """What ended the run from outside, without a verdict."""
    disturbed: bool = False
    """Whether the scenario has held up a worker or broken a connection, as a fault does."""
    attended: bool = False
    """Whether a person is at a debugger's prompt."""
    interruptible: bool = False
    """Whether an interrupt may end the code that runs now: the user's code, not simqueue's."""

    _refusals: int = 0

    def __post_init__(self) -> None:
        config = self.config
        self.epoch_us = config.epoch_us
        self.scheduler = Scheduler(
            self.choices,
            limit_us=config.limit_us,
            lag_max_us=config.lag_max // _US,
            steps_per_instant_max=config.steps_per_instant_max,
            collect=gc.collect,
            on_error=_raise_callback_s,
            on_exit=_raise_exit,
        )
        self.recorder = Recorder(self.scheduler)
        self.choices.clock, self.choices.log = self.scheduler, self.recorder.entries

    def say(self, event: AnyEvent) -> None:
        """Append an event of the running process."""
        self.recorder.say(event)

    def fail(self, failure: Failure) -> None:
        """End the run with a failure; the first one counts."""
        if self.failure is None:
            self.failure = failure
        self.stop()

    def abort(self, error: BaseException) -> None:
        """End the run after the step that runs now, without a verdict; ``run`` raises ``error``."""
        self.aborted = self.aborted or error
        self.stop()

    def stop(self) -> None:
        """End the run after the step that runs now, without a verdict."""
        self.scheduler.stopped = True

    def check_moment(self, action: str) -> None:
        """Check that the running process may act on the world now.

        Raises:
            UsageError: ``time.sleep`` has put the process ahead of the world.
        """
        scheduler = self.scheduler
        if scheduler.local_now() > scheduler.now:
            raise UsageError(
                f"{scheduler.current.name!r} cannot {action} now: time.sleep has put it ahead of "
                "the world. Write await asyncio.sleep(...) instead of time.sleep(...) before this "
                "call"
            )

    def refused(self, error: RefusedError) -> None:
        """End the run with a refusal, even if the code that got the error catches it.

        That code's next actions would not happen on a real system, so neither a pass nor another
        failure of the run would mean anything.
        """
        if self.refusal is None and not self.scheduler.stopped:
            self.refusal = error
            self.stop()
        self._refusals += 1
        if self.refusal is not None and self._refusals > _REFUSALS_MAX:
            raise Hang  # the step would repeat the call for ever


def _raise_callback_s(handle: Handle, error: BaseException) -> None:
    raise error


def _raise_exit(process: Process, error: BaseException) -> None:
    raise error
