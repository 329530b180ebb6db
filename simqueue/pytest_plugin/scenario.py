"""A marked test as a scenario, and the values it gets from fixtures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from simqueue.pytest_plugin.travels import Travels

if TYPE_CHECKING:
    from simqueue.sim.simulation import Simulation

FIXTURE = "sim"


@dataclass(slots=True)
class MarkedTest:
    """A test as a scenario. What pytest's own exceptions say is kept until the run is over.

    ``owner`` is the instance whose method the test is; each run begins with the attributes that
    setting up gave it, and at the time that fixtures travelled to.
    """

    test: functools.partial[Any]
    owner: object = None
    travels: Travels = field(default_factory=Travels)
    said: BaseException | None = None
    _attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember what setting up has left."""
        self._attributes |= getattr(self.owner, "__dict__", {})

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The test itself, whose source is read for the moments it marks."""
        return self.test.func

    async def __call__(self, sim: Simulation) -> None:
        """Run the test in a simulation."""
        if hasattr(self.owner, "__dict__"):
            vars(self.owner).clear()
            vars(self.owner).update(self._attributes)
        await self.travels.begin(sim)
        try:
            await self.test(**{FIXTURE: sim})
        except (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception) as error:
            self.said = error
        except pytest.fail.Exception as error:
            # It is no Exception, and a run takes those for attempts to leave the process.
            raise AssertionError(error.msg).with_traceback(error.__traceback__) from None

    def speak(self) -> None:
        """Raise what the test said to pytest."""
        if self.said is not None:
            raise self.said

    def belongings(self) -> dict[str, object]:
        """Return what each run is given, by what users call it: fixtures and attributes."""
        fixtures = {f"fixture {name!r}": value for name, value in self.test.keywords.items()}
        attributes = {f"attribute self.{name}": each for name, each in self._attributes.items()}
        return fixtures | attributes

    def carry(self) -> BaseException | None:
        """Return what a run in another process has to report."""
        return self.said

    def take(self, carried: BaseException | None) -> None:
        """Accept the report of a run in another process."""
        self.said = carried
