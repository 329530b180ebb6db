"""The choices that a scenario makes itself: recorded, so that a replay repeats them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from simqueue.choices import Draws
from simqueue.errors import UsageError
from simqueue.model.choice_key import ChoiceKind, key_of, without_number
from simqueue.model.events import ScenarioChose
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.core import Core

T = TypeVar("T")


class ScenarioChoices:
    """Draws values for the process and task that run, and records each as an event."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def choice(self, options: Sequence[T]) -> T:
        """Pick one of ``options``."""
        if not options:
            raise UsageError("sim.choice needs at least one option")
        index = self._draws("choice").pick(len(options))
        self._record("choice", index)
        return options[index]

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``, rounded to a millionth."""
        if not 0 <= probability <= 1:
            raise UsageError(f"sim.chance takes a probability from 0 to 1, not {probability}")
        happens = self._draws("chance").happens(round(probability * 1_000_000))
        self._record("chance", int(happens))
        return happens

    def bits(self, width: int) -> int:
        """Return a number of ``width`` random bits."""
        bits = self._draws("random").pick(1 << width)
        self._record("random", bits)
        return bits

    def _draws(self, kind: ChoiceKind) -> Draws:
        """Return the values of the running process and task for ``kind``."""
        core = self._core
        if core.attended:
            raise UsageError(
                f"sim.{kind} cannot be called at a debugger's prompt: the draw would change the run"
            )
        task = asyncio.current_task()
        name = "" if task is None else without_number(task.get_name())
        return core.choices.draws(key_of(core.scheduler.current.name, name, kind=kind))

    def _record(self, name: str, value: int) -> None:
        self._core.recorder.say(ScenarioChose(name, str(value)), CAUSE.get())
