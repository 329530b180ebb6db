"""The crew: the forked processes that play the runs of one or several campaigns in turns.

Each process plays one campaign. An idle process gets its next chunk of runs from the campaign that
has had the least time. So a slow campaign does not delay the others.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext
from time import perf_counter

from msgspec.structs import replace

from simqueue.errors import UsageError
from simqueue.model.files import reason
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.result import Result
from simqueue.search.processes.hands import Hand, fork_hand
from simqueue.search.processes.losses import ending, is_from_outside, lost_again
from simqueue.search.processes.workload import Workload

_IDLE_MAX = 12
"""Processes that wait for the next turn of their campaign; if there are more, some end."""


@dataclass(eq=False, slots=True)
class Crew:
    """All processes, at most ``size`` of them playing at a time, and the workloads left."""

    loads: Sequence[Workload]
    size: int
    run_limit: float
    capture: bool = False
    hands: list[Hand] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    context: ForkContext = field(default_factory=lambda: multiprocessing.get_context("fork"))

    def results(self) -> Iterator[tuple[Workload, Result | None]]:
        """Yield each result as it comes, and None for a workload that has no runs left."""
        self._give_work()
        yield from self._newly_ended()
        while busy := self._busy():
            ready = wait([hand.connection for hand in busy], self._patience(busy))
            for hand in busy:
                if hand.connection in ready:
                    yield from self._receive(hand)
                elif perf_counter() - hand.began >= self.run_limit and hand in self.hands:
                    hand.process.kill()
                    yield from self._bury(hand, f"took longer than {self.run_limit:g} s")
            yield from self._newly_ended()

    def _busy(self) -> list[Hand]:
        for hand in [each for each in self.hands if each.chunk and each.load.over]:
            self._dismiss(hand)
        return [hand for hand in self.hands if hand.chunk]

    def _newly_ended(self) -> Iterator[tuple[Workload, None]]:
        """Yield workloads whose last run is reported and whose plans have no more runs."""
        busy = {id(hand.load) for hand in self._busy()}
        for load in self.loads:
            if id(load) in busy or id(load) in self.ended:
                continue
            if chunk := load.take(self.size):
                load.left_over.append(chunk)  # it only has to wait for its turn
                continue
            self.ended.add(id(load))
            for hand in [each for each in self.hands if each.load is load]:
                self._dismiss(hand)
            yield load, None

    def _patience(self, busy: list[Hand]) -> float:
        """Return the real seconds until the first of them has taken too long."""
        soonest = min(hand.began for hand in busy) + self.run_limit
        return max(0.0, soonest - perf_counter())

    def _receive(self, hand: Hand) -> Iterator[tuple[Workload, Result]]:
        if hand not in self.hands:  # its campaign has just ended
            return
        try:
            answer = hand.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(hand)
            return
        if answer is None:  # it begins another run to judge the last one
            hand.load.spent_s += perf_counter() - hand.began
            hand.began = perf_counter()
            return
        if isinstance(answer, BaseException):
            raise answer
        hand.chunk.pop(0)
        seconds = perf_counter() - hand.began
        hand.began = perf_counter()
        killed = hand.load.killed.get(answer.number, "")
        result = replace(answer, killed=killed) if killed else answer
        yield from self._learned(hand.load, result, seconds)

    def _learned(
        self, load: Workload, result: Result, seconds: float
    ) -> Iterator[tuple[Workload, Result]]:
        """Report a result to the plan, and give work to idle processes."""
        load.learn(result, seconds)
        yield load, result
        self._give_work()

    def _bury(self, hand: Hand, lost: str = "") -> Iterator[tuple[Workload, Result]]:
        """Give up the run that a process was lost with, and let another process play the rest.

        A run whose process was killed from outside is played again before it is given up.
        """
        self.hands.remove(hand)
        load, status = hand.load, hand.end()
        run, *rest = hand.chunk
        if rest:
            load.left_over.append(rest)
        killed = load.killed.get(run.number, "")
        ended = lost or ending(status)
        if not lost and not killed and is_from_outside(status):
            load.killed[run.number] = ended
            load.left_over.append([run])
            self._give_work()
            return
        lost = lost_again(killed, ended) if killed else ended
        result = Result(run.number, lost=lost, killed=killed)
        yield from self._learned(load, result, perf_counter() - hand.began)

    # --- handing out ---

    def _give_work(self) -> None:
        """Hand out chunks until ``size`` processes are busy or no workload has one."""
        while len(self._busy()) < self.size:
            for load in sorted(self.loads, key=self._time_had):
                if chunk := load.take(self.size):
                    break
            else:
                return
            if not self._employ(load, chunk):
                load.left_over.append(chunk)
                return

    def _time_had(self, load: Workload) -> tuple[float, int]:
        """Return how long a workload has been played, chunks under way included."""
        now = perf_counter()
        under_way = [now - hand.began for hand in self.hands if hand.chunk and hand.load is load]
        return load.spent_s + sum(under_way), len(under_way)

    def _employ(self, load: Workload, chunk: list[Assignment]) -> bool:
        """Give a chunk to an idle process of its workload or to a new one, if there is room."""
        for hand in [each for each in self.hands if each.load is load and not each.chunk]:
            if hand.give(chunk):
                return True
            hand.chunk = []  # it died while it was idle: no run was begun
            self._dismiss(hand)
        self._retire(load)
        try:
            connections = [hand.connection for hand in self.hands]
            hand = fork_hand(load, self.context, connections, capture=self.capture)
        except OSError as error:
            if self._busy():
                return False
            raise UsageError(f"no process can be forked: {reason(error)}") from None
        self.hands.append(hand)
        hand.give(chunk)  # if it is dead already, waiting for its results will show it
        return True

    def _retire(self, load: Workload) -> None:
        """End idle processes of other workloads if there are many, the longest idle first."""
        idle = [each for each in self.hands if not each.chunk and each.load is not load]
        idle.sort(key=lambda hand: hand.began)
        for hand in idle[: max(0, len(idle) - _IDLE_MAX + 1)]:
            self._dismiss(hand)

    def _dismiss(self, hand: Hand) -> None:
        self.hands.remove(hand)
        hand.process.kill()
        hand.end()

    def dismiss(self) -> None:
        """End all processes at once, also those that play runs."""
        for hand in self.hands:
            hand.process.kill()
        for hand in self.hands:
            hand.end()
