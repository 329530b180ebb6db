"""Plays runs of one scenario one after another, in a process that a run may end.

A handler may call ``os._exit``, crash in C code or exhaust the memory. Such a run is lost, and the
next one is played in a new process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simqueue.search.processes.alone import Play
from simqueue.search.processes.clean import Clean, GoneError, LostError
from simqueue.search.processes.forks import signals_wait
from simqueue.sim.run import Run, Scenario


@dataclass(slots=True)
class Successive:
    """Plays runs in one forked process, and forks another after a run that ended it."""

    scenario: Scenario
    _process: Clean | None = None

    def play(self, play: Play) -> Run | None:
        """Return a run, None if it ended its process or took longer than ``clean.LIMIT_S``."""
        process = self._ready()
        if process is None:  # where no process can be forked
            return play(self.scenario)
        try:
            return process.ask(self.scenario, play)
        except GoneError:
            return None
        except LostError:
            # If the process lives, the run raised or cannot be pickled: here the error is seen.
            return play(self.scenario) if process.knows(self.scenario) else None

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()

    def _ready(self) -> Clean | None:
        if self._process is None or not self._process.knows(self.scenario):
            with signals_wait():  # until ``end`` can find it
                self._process = Clean.fork(self.scenario, in_turn=True)
        return self._process


@contextmanager
def successive_for(scenario: Scenario) -> Iterator[Successive]:
    """Yield a ``Successive`` for a scenario; its process ends with the ``with`` block."""
    successive = Successive(scenario)
    try:
        yield successive
    finally:
        successive.end()
