"""Time travel around a test: its runs start at the time that time-machine's fixtures set."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simqueue.model.config import Config
    from simqueue.sim.simulation import Simulation

_MINUTE = dt.timedelta(minutes=1)


@dataclass(slots=True)
class Travels:
    """The travels of time-machine around a test.

    ``moment`` is where they lead, None without one. ``fixtures`` are the values of the fixture
    ``time_machine``, which may travel within a run as well: each run begins with new ones.
    """

    moment: dt.datetime | None = None
    fixtures: tuple[Any, ...] = ()
    _states: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def around(cls, given: Iterable[object]) -> Travels:
        """Return the travels of a test's fixtures, whose values are ``given``."""
        known = getattr(sys.modules.get("time_machine"), "TimeMachineFixture", None)
        if known is None:
            return cls()
        from simqueue.sim.entropy.time_travel import travelled_to

        fixtures = tuple(each for each in given if isinstance(each, known))
        return cls(travelled_to(), fixtures, [vars(each).copy() for each in fixtures])

    def starting(self, config: Config) -> Config:
        """Return a config that starts in the minute they lead to, unless it sets a start."""
        import msgspec

        from simqueue.model.config import Config

        if self.moment is None or config.start != Config().start:
            return config
        minute = self.moment.replace(second=0, microsecond=0)
        return msgspec.structs.replace(config, start=minute)

    async def begin(self, sim: Simulation) -> None:
        """Begin a run: let the rest of the minute pass, and reset the fixtures."""
        from simqueue.sim.simulation import pass_time

        for fixture in self.fixtures:
            vars(fixture).clear()
            fixture.__init__()
        rest = dt.timedelta(0) if self.moment is None else self.moment - sim.now()
        if dt.timedelta(0) < rest < _MINUTE:
            await pass_time(sim, rest)

    def end(self) -> None:
        """Restore the fixtures to their state before the runs, so that they can be torn down."""
        for fixture, state in zip(self.fixtures, self._states, strict=True):
            vars(fixture).clear()
            vars(fixture).update(state)
