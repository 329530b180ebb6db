"""The processes of a campaign: runs go out in chunks, results come back one by one."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkProcess
from time import perf_counter

from msgspec.structs import replace

from simqueue.errors import UsageError
from simqueue.model.files import reason
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.coverage import gather
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.result import Result
from simqueue.search.processes.alone import Alone
from simqueue.search.processes.clean import GoneError, LostError
from simqueue.search.processes.forks import die_with_parent, signals_arrive, signals_wait
from simqueue.search.processes.losses import ending, is_from_outside, lost_again
from simqueue.sim.run import Run

Job = Callable[[Assignment], Run]
"""Plays one run."""

Judging = Callable[[], AbstractContextManager[Alone | None]]
"""Opens what judges failures, in the process that plays the runs and before the first of them."""

_CHUNK_MAX = 16
_CHUNKS_PER_PROCESS = 4
_NO_JUDGE = (
    "the process that plays failures again before they count was killed: start the command again "
    "with --resume"
)
RUN_LIMIT_S = 300.0
"""Real seconds that a process may take for one run."""


class Player:
    """Plays runs in this process, and tells what came of each.

    Args:
        job: plays one of them.
        accepted: signatures of failures of which no trace is wanted.
        alone: judges the first failure of each signature.
    """

    def __init__(
        self, job: Job, accepted: frozenset[str] = frozenset(), alone: Alone | None = None
    ) -> None:
        self._job, self._alone = job, alone
        self._first = dict.fromkeys(accepted, -1)
        self._judged: set[str] = set()

    def play(self, assignment: Assignment) -> Result:
        """Play one run.

        Raises:
            GoneError: it failed, and the process that would judge it was killed.
        """
        try:
            run, leaked = self._played(assignment)
        except GoneError:
            raise
        except LostError as error:
            return Result(assignment.number, lost=str(error))
        failure = run.failure
        signature = None if failure is None else failure.signature
        trace = None
        if signature is not None and assignment.number < self._first.get(signature, inf):
            self._first[signature] = assignment.number
            trace = run.trace
        return Result(
            assignment.number,
            str(assignment.script),
            signature,
            trace,
            evidence=gather(run),
            leaked=leaked,
        )

    def _played(self, assignment: Assignment) -> tuple[Run, str]:
        """Return a run as it is alone, as far as it was judged, and what outlives the runs."""
        alone = self._alone
        if alone is not None and alone.leaking:
            return alone.play(assignment), ""
        run = self._job(assignment)
        if alone is None:
            return run, ""
        alone.history.append(assignment)
        if run.failure is None or not self._is_new(run.failure.signature, assignment):
            return run, ""
        return alone.judge(assignment, run)

    def _is_new(self, signature: str, assignment: Assignment) -> bool:
        """Return whether a failure was not judged before, or its trace is going to be kept."""
        judged = signature in self._judged
        self._judged.add(signature)
        return not judged or assignment.number < self._first.get(signature, inf)


def results_here(
    job: Job,
    plan: Plan,
    accepted: frozenset[str] = frozenset(),
    judging: Judging = nullcontext,
) -> Generator[Result, None, None]:
    """Play a plan's runs in this process, in their order."""
    with judging() as alone:
        player = Player(job, accepted, alone)
        while assignments := plan.take(1):
            try:
                result = player.play(assignments[0])
            except GoneError:
                raise UsageError(_NO_JUDGE) from None
            plan.learn(result)
            yield result


def results_of_processes(
    job: Job,
    plan: Plan,
    processes: int,
    accepted: frozenset[str] = frozenset(),
    *,
    runs: int,
    run_limit: float = RUN_LIMIT_S,
    judging: Judging = nullcontext,
) -> Generator[Result, None, None]:
    """Play a plan's ``runs`` in forked processes; results come as they are ready.

    A process that ends, or takes longer than ``run_limit`` real seconds for one run, loses that
    run; another takes up the rest of its chunk. A run whose process was killed from outside is
    played once more.

    Raises:
        UsageError: this platform cannot fork, or has no room for a single process.
        Exception: whatever ``job`` raised.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("this platform cannot fork: use one process")
    chunk = min(_CHUNK_MAX, max(1, runs // (processes * _CHUNKS_PER_PROCESS)))
    size = max(1, min(processes, runs))
    crew = _Crew(job, plan, size, accepted, chunk, run_limit, judging)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


def rehearse(play: Callable[[], object], run_limit: float) -> str:
    """Play a run in a process of its own; return how that was lost, or nothing if it was not."""
    process = multiprocessing.get_context("fork").Process(
        target=_perform, args=(play, os.getpid()), daemon=True
    )
    with signals_wait():
        process.start()
    process.join(run_limit)
    if process.is_alive():
        process.kill()
        process.join()
        return f"took longer than {run_limit:g} s"
    return ending(process.exitcode) if process.exitcode else ""


def _perform(play: Callable[[], object], parent: int) -> None:
    signals_arrive()
    die_with_parent(parent)
    with suppress(Exception, KeyboardInterrupt):  # whoever plays it in earnest is told
        play()


@dataclass(eq=False, slots=True)
class _Hand:
    """One process, and the runs of its chunk that it has not reported."""

    process: ForkProcess
    connection: Connection
    chunk: list[Assignment] = field(default_factory=list)
    began: float = 0.0

    def give(self, chunk: list[Assignment]) -> bool:
        """Hand over work; return whether there was somebody to take it."""
        self.chunk, self.began = chunk, perf_counter()
        try:
            self.connection.send(chunk)
        except OSError:
            return False
        return True

    def end(self) -> int:
        """Wait until it is over; return its exit status."""
        self.connection.close()
        self.process.join()
        return self.process.exitcode or 0


@dataclass(eq=False, slots=True)
class _Crew:
    """All processes of a campaign, and what is left to do."""

    job: Job
    plan: Plan
    size: int
    accepted: frozenset[str]
    chunk: int
    run_limit: float
    judging: Judging = nullcontext
    left_over: list[list[Assignment]] = field(default_factory=list)
    killed: dict[int, str] = field(default_factory=dict)
    hands: list[_Hand] = field(default_factory=list)
    context: ForkContext = field(default_factory=lambda: multiprocessing.get_context("fork"))

    def results(self) -> Iterator[Result]:
        self._give_work()
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
            yield from self._bury(hand)
            return
        if said is None:  # it begins another run to judge the last
            hand.began = perf_counter()
            return
        if isinstance(said, BaseException):
            raise said
        hand.chunk.pop(0)
        hand.began = perf_counter()
        killed = self.killed.get(said.number, "")
        yield from self._learned(replace(said, killed=killed) if killed else said)

    def _learned(self, result: Result) -> Iterator[Result]:
        """Let the plan know a result, and give work to whoever has none."""
        self.plan.learn(result)
        yield result
        self._give_work()

    def _bury(self, hand: _Hand, lost: str = "") -> Iterator[Result]:
        """Give up the run that a process was lost with, and let another one go on after it.

        A run whose process was killed from outside is played once more before it is given up.
        """
        self.hands.remove(hand)
        status = hand.end()
        run, *rest = hand.chunk
        if rest:
            self.left_over.append(rest)
        killed = self.killed.get(run.number, "")
        ended = lost or ending(status)
        if not lost and not killed and is_from_outside(status):
            self.killed[run.number] = ended
            self.left_over.append([run])
            self._give_work()
            return
        lost = lost_again(killed, ended) if killed else ended
        yield from self._learned(Result(run.number, lost=lost, killed=killed))

    def _give_work(self) -> None:
        """Hand out what there is to those who have nothing, and to new ones if there is room."""
        idle = [hand for hand in self.hands if not hand.chunk]
        while idle or len(self.hands) < self.size:
            chunk = self.left_over.pop() if self.left_over else self.plan.take(self.chunk)
            if not chunk:
                return
            hand = idle.pop(0) if idle else None
            if hand is not None and not hand.give(chunk):
                self._replace(hand)
            elif hand is None and not self._hire(chunk):
                self.left_over.append(chunk)
                return

    def _replace(self, hand: _Hand) -> None:
        """Do without a process that died while it had nothing to do: no run was begun."""
        self.left_over.append(hand.chunk)
        self.hands.remove(hand)
        hand.end()

    def _hire(self, chunk: list[Assignment]) -> bool:
        """Give work to a new process; return whether there was room for it beside the others."""
        try:
            hand = self._fork()
        except OSError as error:
            if any(each.chunk for each in self.hands):
                return False
            raise UsageError(f"no process can be forked: {reason(error)}") from None
        self.hands.append(hand)
        hand.give(chunk)  # if it is dead already, waiting for its results will tell
        return True

    def _fork(self) -> _Hand:
        ours, theirs = self.context.Pipe()
        inherited = [hand.connection for hand in self.hands] + [ours]
        process = self.context.Process(
            target=_work,
            args=(self.job, self.accepted, self.judging, theirs, inherited),
            kwargs={"parent": os.getpid()},
            daemon=True,
        )
        try:
            with signals_wait():
                process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()  # else its end of the pipe stays open when it dies
        return _Hand(process, ours)

    def dismiss(self) -> None:
        """End what is still running."""
        for hand in self.hands:
            hand.process.kill()
        for hand in self.hands:
            hand.end()


def _work(
    job: Job,
    accepted: frozenset[str],
    judging: Judging,
    connection: Connection,
    inherited: list[Connection],
    *,
    parent: int,
) -> None:
    """Play chunks of runs until the other end closes; this is a forked process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if callable(signal.getsignal(signal.SIGTERM)):  # and so is this, then
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signals_arrive()
    die_with_parent(parent)
    for other in inherited:
        other.close()
    with judging() as alone, suppress(EOFError, OSError):  # the parent is gone
        if alone is not None:
            alone.on_step = partial(connection.send, None)
        player = Player(job, accepted, alone)
        while True:
            for assignment in connection.recv():
                connection.send(answer(player, assignment))


def answer(player: Player, assignment: Assignment) -> Result | BaseException:
    """Return what came of a run, or an error that is to be raised where the campaign is."""
    try:
        return player.play(assignment)
    except GoneError:  # it must not count: end likewise, so that another process plays it
        os.kill(os.getpid(), signal.SIGKILL)
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        return error
