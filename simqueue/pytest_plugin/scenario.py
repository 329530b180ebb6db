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
    """A test as a scenario.

    ``owner`` is the instance whose method the test is; each run begins with the attributes that
    setting up gave it, and at the time that fixtures travelled to. ``outcome`` is pytest's own
    exception that the test raised (skip, xfail or exit); it is raised again after the run.
    """

    test: functools.partial[Any]
    owner: object = None
    travels: Travels = field(default_factory=Travels)
    outcome: BaseException | None = None
    _attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember the attributes after setup."""
        self._attributes |= getattr(self.owner, "__dict__", {})

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The test itself: its source is read for the names of its ``sim.sometimes``."""
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
            self.outcome = error
        except pytest.fail.Exception as error:
            # It is not an Exception, and a run treats such errors as attempts to exit.
            raise AssertionError(error.msg).with_traceback(error.__traceback__) from None

    def raise_outcome(self) -> None:
        """Raise the outcome, if there is one."""
        if self.outcome is not None:
            raise self.outcome

    def belongings(self) -> dict[str, object]:
        """Return the fixtures and attributes that each run gets, by the names users know."""
        fixtures = {f"fixture {name!r}": value for name, value in self.test.keywords.items()}
        attributes = {f"attribute self.{name}": each for name, each in self._attributes.items()}
        return fixtures | attributes

    def carry(self) -> BaseException | None:
        """Return the outcome of a run in another process, to be sent to this one."""
        return self.outcome

    def take(self, carried: BaseException | None) -> None:
        """Take the outcome of a run in another process."""
        self.outcome = carried
