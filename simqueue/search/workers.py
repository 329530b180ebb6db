"""The processes of a campaign: runs go out in chunks, results come back one by one."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkProcess
from time import perf_counter
from typing import Protocol

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.search.assignment import Assignment
from simqueue.search.evidence import NOTHING, Evidence, gather
from simqueue.sim.run import Run

Job = Callable[[Assignment], Run]
"""Plays one run."""

_CHUNK_MAX = 16
_PR_SET_PDEATHSIG = 1
_CHUNKS_PER_PROCESS = 4
_RUN_LIMIT_S = 300.0


class Planner(Protocol):
    """Hands out runs, and hears what came of them."""

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs; none when it has ended or waits for results."""
        ...

    def learn(self, result: Result) -> None:
        """Take in what came of a run."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the ``number``-th run.

    ``strategy`` is how it was made, ``signature`` its failure's, None if it passed. The ``trace``
    comes with the first failure of each signature that a process meets, unless it is accepted.
    ``lost`` says how its process was lost, if it was.
    """

    number: int
    strategy: str = ""
    signature: str | None = None
    trace: Trace | None = None
    lost: str = ""
    evidence: Evidence = NOTHING


class Player:
    """Plays runs in this process, and tells what came of each."""

    def __init__(self, job: Job, accepted: frozenset[str] = frozenset()) -> None:
        self._job = job
        self._known = set(accepted)

    def play(self, assignment: Assignment) -> Result:
        """Play one run. ``accepted`` are signatures of failures of which no trace is wanted."""
        run = self._job(assignment)
        failure = run.failure
        signature = None if failure is None else failure.signature
        trace = None
        if signature is not None and signature not in self._known:
            self._known.add(signature)
            trace = run.trace
        return Result(
            assignment.number,
            str(assignment.script),
            signature,
            trace,
            evidence=gather(run),
        )


def results_here(
    job: Job, plan: Planner, accepted: frozenset[str] = frozenset()
) -> Generator[Result, None, None]:
    """Play a plan's runs in this process, in their order."""
    player = Player(job, accepted)
    while assignments := plan.take(1):
        result = player.play(assignments[0])
        plan.learn(result)
        yield result


def results_of_processes(
    job: Job,
    plan: Planner,
    processes: int,
    accepted: frozenset[str] = frozenset(),
    *,
    runs: int,
    run_limit: float = _RUN_LIMIT_S,
) -> Generator[Result, None, None]:
    """Play a plan's ``runs`` in forked processes; results come as they are ready.

    A process that is killed, or takes longer than ``run_limit`` real seconds for one run, loses
    that run; another takes up the rest of its chunk.

    Raises:
        UsageError: this platform cannot fork.
        Exception: whatever ``job`` raised.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("this platform cannot fork: use one process")
    chunk = min(_CHUNK_MAX, max(1, runs // (processes * _CHUNKS_PER_PROCESS)))
    crew = _Crew(job, plan, min(processes, runs), accepted, chunk, run_limit)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


@dataclass(eq=False, slots=True)
class _Hand:
    """One process, and the runs of its chunk that it has not reported."""

    process: ForkProcess
    connection: Connection
    chunk: list[Assignment] = field(default_factory=list)
    began: float = 0.0


@dataclass(eq=False, slots=True)
class _Crew:
    """All processes of a campaign, and what is left to do."""

    job: Job
    plan: Planner
    size: int
    accepted: frozenset[str]
    chunk: int
    run_limit: float
    left_over: list[list[Assignment]] = field(default_factory=list)
    hands: list[_Hand] = field(default_factory=list)
    context: ForkContext = field(default_factory=lambda: multiprocessing.get_context("fork"))

    def results(self) -> Iterator[Result]:
        for _ in range(self.size):
            self._hire()
        while busy := [hand for hand in self.hands if hand.chunk]:
            ready = wait([hand.connection for hand in busy], self._patience(busy))
            for hand in busy:
                if hand.connection in ready:
                    yield from self._hear(hand)
                elif perf_counter() - hand.began >= self.run_limit:
                    hand.process.kill()
                    yield from self._bury(hand, f"took longer than {self.run_limit:g} s")

    def _patience(self, busy: list[_Hand]) -> float:
        """Return how many real seconds it is until the first of them has taken too long."""
        soonest = min(hand.began for hand in busy) + self.run_limit
        return max(0.0, soonest - perf_counter())

    def _hear(self, hand: _Hand) -> Iterator[Result]:
        try:
            said = hand.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(hand, "was killed")
            return
        if isinstance(said, BaseException):
            raise said
        hand.chunk.pop(0)
        hand.began = perf_counter()
        yield from self._learned(said)

    def _learned(self, result: Result) -> Iterator[Result]:
        """Let the plan know a result, and give work to whoever has none."""
        self.plan.learn(result)
        yield result
        for hand in self.hands:
            if not hand.chunk:
                self._assign(hand)

    def _bury(self, hand: _Hand, lost: str) -> Iterator[Result]:
        """Give up the run that a process was lost with, and let another one go on after it."""
        self._let_go(hand)
        if hand.chunk[1:]:
            self.left_over.append(hand.chunk[1:])
        self._hire()
        yield from self._learned(Result(hand.chunk[0].number, lost=lost))

    def _hire(self) -> None:
        ours, theirs = self.context.Pipe()
        inherited = [hand.connection for hand in self.hands] + [ours]
        process = self.context.Process(
            target=_work, args=(self.job, self.accepted, theirs, inherited), daemon=True
        )
        process.start()
        theirs.close()  # else its end of the pipe stays open when it dies
        hand = _Hand(process, ours)
        self.hands.append(hand)
        self._assign(hand)

    def _assign(self, hand: _Hand) -> None:
        hand.chunk = self.left_over.pop() if self.left_over else self.plan.take(self.chunk)
        hand.began = perf_counter()
        if hand.chunk:
            with suppress(OSError):  # it is dead; waiting for its results will tell
                hand.connection.send(hand.chunk)

    def _let_go(self, hand: _Hand) -> None:
        hand.connection.close()
        hand.process.join()
        self.hands.remove(hand)

    def dismiss(self) -> None:
        """End what is still running."""
        for hand in self.hands:
            hand.process.kill()
        for hand in list(self.hands):
            self._let_go(hand)


def _work(
    job: Job, accepted: frozenset[str], connection: Connection, inherited: list[Connection]
) -> None:
    """Play chunks of runs until the other end closes; this is a forked process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _die_with_parent()
    for other in inherited:
        other.close()
    player = Player(job, accepted)
    while True:
        try:
            chunk = connection.recv()
        except EOFError:
            return
        for assignment in chunk:
            try:
                connection.send(_answer(player, assignment))
            except OSError:  # the parent is gone
                return


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, whatever it is doing then."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _answer(player: Player, assignment: Assignment) -> Result | BaseException:
    try:
        return player.play(assignment)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  raised where the campaign is
        return error
