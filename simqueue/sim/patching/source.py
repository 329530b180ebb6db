"""A source of entropy: its row in the table for users, and the patches that control it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from simqueue.errors import RefusedError
from simqueue.model.explanation import Explanation
from simqueue.sim.patching.depth import Depth
from simqueue.sim.patching.patch import Patch
from simqueue.sim.patching.streams import Streams

Treatment = Literal["controlled", "refused", "pinned", "not covered"]
"""controlled: follows from the seed; refused: raises RefusedError; pinned: the same everywhere."""


class World(Protocol):
    """The running simulation, as patches use it."""

    @property
    def depth(self) -> Depth:
        """How deep the run's code can go."""

    @property
    def attended(self) -> bool:
        """Whether a person is at a debugger's prompt."""

    def now_us(self) -> int:
        """Return microseconds since the run began, by the clocks of the running process."""

    def wall_ns(self) -> int:
        """Return Unix nanoseconds by the wall clock of the running process."""

    def sleep(self, seconds: float) -> None:
        """Block the loop of the running process for a time."""

    def in_thread(self) -> bool:
        """Return whether a function of another thread runs now, not a step of a loop."""

    def awaits_threads(self) -> bool:
        """Return whether a function of the running process waits to run in a thread."""

    def pid(self) -> int:
        """Return the running process's id."""

    def note_reading(self, value: int) -> None:
        """Add a clock reading to the digest of the run."""

    def refused(self, error: RefusedError) -> None:
        """End the run with a refusal, even if the code that got the error catches it."""


SIMULATING: dict[int, World] = {}
"""The worlds of the threads that play a run at this moment.

A replacement can outlive its run, if a module has imported it by name; outside a run it behaves
like the original.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The shared state of one run's patches: they act in ``thread`` and in no other."""

    world: World
    thread: int
    streams: Streams


class Source(msgspec.Struct, frozen=True):
    """A row of the table: the source, whether it is controlled or refused, and how.

    ``key`` is the short name that `simqueue explain` takes.
    """

    key: str
    name: str
    treatment: Treatment
    how: str

    @property
    def explanation(self) -> Explanation:
        """What `simqueue explain KEY` prints."""
        effect, reason, advice = _TREATMENTS[self.treatment]
        first = self.how.split()[0]  # a name of the code keeps its letters
        how = f"{first.capitalize() if first.isalpha() else first}{self.how[len(first) :]}."
        return Explanation(
            name=self.key,
            subject="entropy source",
            meaning=f"{self.name}: {effect or self.how} ({self.treatment}).",
            reason=reason,
            advice=advice or how,
        )


_REAL = "On a real machine it differs from one process to the next"
_TREATMENTS: Mapping[Treatment, tuple[str, str, str]] = {
    "controlled": (
        "",
        f"{_REAL}. A run repeats only if this does, so that it follows from the seed.",
        "Use it as in production.",
    ),
    "pinned": (
        "",
        f"{_REAL}. A run repeats only if this does, so that it is the same in all runs.",
        "Use it as in production, once it is pinned.",
    ),
    "refused": (
        "code that uses it in a run gets a RefusedError, which fails the run",
        "It reaches outside the simulation, and a run that used it would not repeat.",
        "",
    ),
    "not covered": (
        "a run uses the real one",
        f"{_REAL}, and a run that depends on it does not repeat.",
        "",
    ),
}
"""For each treatment the effect, the reason and the advice; an empty text is the row's ``how``."""


@dataclass(frozen=True, slots=True)
class Control:
    """A source and the patches that control or refuse it."""

    source: Source
    patches: Callable[[Scope], Iterable[Patch]]
