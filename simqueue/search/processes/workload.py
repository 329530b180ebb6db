"""A workload: the runs of one campaign that are left to play, and the time they have taken."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.result import Result
from simqueue.search.processes.player import Job, Judging

_CHUNK_MAX = 16
_CHUNKS_PER_PROCESS = 4
_TURN_S = 0.5
"""Real seconds that a chunk should take, so that other campaigns soon have their turn."""


@dataclass(eq=False, slots=True)
class Workload:
    """The runs of one campaign that are left to play.

    ``runs`` is how many runs are left at the start. ``spent_s`` is the real time that processes
    have played its runs. ``over`` is set when no more runs are to be begun.
    """

    job: Job
    plan: Plan
    runs: int
    accepted: frozenset[str] = frozenset()
    judging: Judging = nullcontext
    left_over: list[list[Assignment]] = field(default_factory=list)
    killed: dict[int, str] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    played: int = 0
    spent_s: float = 0.0
    over: bool = False

    def take(self, processes: int) -> list[Assignment]:
        """Return the next chunk of runs for one of ``processes``; none if there is none now."""
        if self.over:
            return []
        return self.left_over.pop() if self.left_over else self.plan.take(self._size(processes))

    def _size(self, processes: int) -> int:
        most = min(_CHUNK_MAX, max(1, self.runs // (processes * _CHUNKS_PER_PROCESS)))
        if not self.played:
            return 1
        return max(1, min(most, int(_TURN_S * self.played / max(self.spent_s, 1e-6))))

    def learn(self, result: Result, seconds: float = 0.0) -> None:
        """Count a result, which took ``seconds`` of real time."""
        self.spent_s += seconds
        self.played += 1
        if result.trace is not None and result.signature is not None:
            known = self.first.get(result.signature, result.number)
            self.first[result.signature] = min(known, result.number)
        self.plan.learn(result)
