"""The processes of a campaign: seeds go out in chunks, results come back one by one."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkProcess

from simqueue.errors import UsageError
from simqueue.model.trace import Trace
from simqueue.search.evidence import NOTHING, Evidence, gather
from simqueue.sim.run import Run

Job = Callable[[int], Run]
"""Runs one seed."""

_CHUNK_MAX = 16
_PR_SET_PDEATHSIG = 1
_CHUNKS_PER_PROCESS = 4


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one seed.

    ``signature`` is its failure's, None if it passed. The ``trace`` comes with the first failure
    of each signature that a process meets, unless it is accepted. ``lost``: its process was killed.
    """

    seed: int
    signature: str | None = None
    trace: Trace | None = None
    lost: bool = False
    evidence: Evidence = NOTHING


def results_here(
    job: Job, seeds: range, accepted: frozenset[str] = frozenset()
) -> Generator[Result, None, None]:
    """Run seeds in this process, in their order.

    ``accepted`` are the signatures of failures of which no trace is wanted.
    """
    known = set(accepted)
    for seed in seeds:
        yield _result(job, seed, known)


def _result(job: Job, seed: int, known: set[str]) -> Result:
    run = job(seed)
    evidence, failure = gather(run), run.failure
    if failure is None:
        return Result(seed, evidence=evidence)
    if failure.signature in known:
        return Result(seed, failure.signature, evidence=evidence)
    known.add(failure.signature)
    return Result(seed, failure.signature, run.trace, evidence=evidence)


def results_of_processes(
    job: Job, seeds: range, processes: int, accepted: frozenset[str] = frozenset()
) -> Generator[Result, None, None]:
    """Run seeds in forked processes; results come as they are ready.

    A process that is killed loses the seed it was running; another takes up the rest of its chunk.

    Raises:
        UsageError: this platform cannot fork.
        Exception: whatever ``job`` raised.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("this platform cannot fork: use one process")
    crew = _Crew(job, seeds, processes, accepted)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


@dataclass(eq=False, slots=True)
class _Hand:
    """One process, and the seeds of its chunk that it has not reported."""

    process: ForkProcess
    connection: Connection
    chunk: range = range(0)


@dataclass(eq=False, slots=True)
class _Crew:
    """All processes of a campaign, and what is left to do."""

    job: Job
    seeds: range
    size: int
    accepted: frozenset[str]
    left_over: list[range] = field(default_factory=list)
    hands: list[_Hand] = field(default_factory=list)
    context: ForkContext = field(default_factory=lambda: multiprocessing.get_context("fork"))

    def results(self) -> Iterator[Result]:
        for _ in range(min(self.size, len(self.seeds))):
            self._hire()
        while self.hands:
            ready = wait([hand.connection for hand in self.hands])
            for hand in [hand for hand in self.hands if hand.connection in ready]:
                yield from self._hear(hand)

    def _hear(self, hand: _Hand) -> Iterator[Result]:
        try:
            said = hand.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(hand)
            return
        if isinstance(said, BaseException):
            raise said
        hand.chunk = hand.chunk[1:]
        yield said
        if not hand.chunk:
            self._assign(hand)

    def _bury(self, hand: _Hand) -> Iterator[Result]:
        """Give up the seed a dead process was running, and let another one go on after it."""
        self._let_go(hand)
        yield Result(hand.chunk[0], lost=True)
        if hand.chunk[1:]:
            self.left_over.append(hand.chunk[1:])
        if self.left_over or self.seeds:
            self._hire()

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
        hand.chunk = self._next_chunk()
        if not hand.chunk:
            self._let_go(hand)
            return
        try:
            hand.connection.send(hand.chunk)
        except OSError:  # it is dead; waiting for its results will tell
            return

    def _next_chunk(self) -> range:
        if self.left_over:
            return self.left_over.pop()
        size = len(self.seeds) // (self.size * _CHUNKS_PER_PROCESS)
        size = min(_CHUNK_MAX, max(1, size))
        chunk, self.seeds = self.seeds[:size], self.seeds[size:]
        return chunk

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
    """Run chunks of seeds until the other end closes; this is a forked process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _die_with_parent()
    for other in inherited:
        other.close()
    known = set(accepted)
    while True:
        try:
            chunk = connection.recv()
        except EOFError:
            return
        for seed in chunk:
            try:
                connection.send(_answer(job, seed, known))
            except OSError:  # the parent is gone
                return


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, whatever it is doing then."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _answer(job: Job, seed: int, known: set[str]) -> Result | BaseException:
    try:
        return _result(job, seed, known)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  raised where the campaign is
        return error
