"""A clean process: forked before the first run, so that no run precedes a run played in it.

It plays nothing itself. For each request it forks a child, which plays, answers and ends, so that
the process itself stays clean.
"""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, TypeVar

from simqueue.search.processes.forks import die_with_parent, fork, signals_arrive, signals_wait
from simqueue.search.processes.frames import pack, read_frame, unpack, write_frame
from simqueue.search.processes.streams import Substitute, is_terminal, no_input
from simqueue.sim.run import Scenario, run
from simqueue.sim.simulation import Simulation

Answer = TypeVar("Answer")

LIMIT_S = 300.0
"""Real seconds that an answer may take."""

_FOREVER_S = 1e6


class LostError(Exception):
    """The clean process ended before it answered, or could not carry out the request."""


class GoneError(LostError):
    """The clean process itself was killed, and not by its parent."""


@dataclass(eq=False, slots=True)
class Clean:
    """A clean process, seen from its parent."""

    scenarios: tuple[Scenario, ...]
    pid: int
    questions: int
    answers: int
    owner: int

    @classmethod
    def fork(cls, *scenarios: Scenario, in_turn: bool = False) -> Clean | None:
        """Fork one that can play these scenarios; None if this process cannot be forked.

        With ``in_turn`` it answers all requests itself, one after another, without a child for
        each: it is clean for the first one only.
        """
        if not hasattr(os, "fork") or "pydevd" in sys.modules:
            return None
        with signals_wait():  # an error of a handler is no error of the warm-up
            _warm_up()
        (theirs, questions), (answers, ours) = os.pipe(), os.pipe()
        parent = os.getpid()
        try:
            pid = fork()
        except OSError:
            for fd in (theirs, questions, answers, ours):
                os.close(fd)
            return None
        if not pid:
            os.close(questions)
            os.close(answers)
            answer = _played if in_turn else _answer_of_child
            _serve(partial(answer, scenarios), theirs, ours, parent)
        os.close(theirs)
        os.close(ours)
        return cls(scenarios, pid, questions, answers, os.getpid())

    def knows(self, scenario: Scenario) -> bool:
        """Return whether it lives, can play a scenario, and belongs to this process."""
        mine = self.pid and os.getpid() == self.owner
        return bool(mine) and any(each is scenario for each in self.scenarios)

    def ask(
        self, scenario: Scenario, call: Callable[[Scenario], Answer], limit: float = LIMIT_S
    ) -> Answer:
        """Return the result of ``call`` for a scenario in a process without earlier runs.

        ``call`` is pickled, its answer and what the scenario carries are as well.

        Raises:
            LostError: there was no answer, or ``call`` raised.
            GoneError: the clean process was killed from outside.
        """
        number = next(n for n, each in enumerate(self.scenarios) if each is scenario)
        request = pack((number, call))
        # The second time is for a child that was killed from outside.
        document = self._answer(request, limit) or self._answer(request, limit)
        if not document:
            raise LostError("has ended")
        answer, carried, problem = unpack(document)
        if problem:
            raise LostError(problem)
        take = getattr(scenario, "take", None)
        if take is not None:
            take(carried)
        checked: Answer = answer
        return checked

    def _answer(self, request: bytes, limit: float) -> bytes:
        """Return a child's answer, empty if it ended without one."""
        if not self.pid:
            raise LostError("has ended")
        try:
            write_frame(self.questions, request)
            return read_frame(self.answers, limit)
        except TimeoutError:
            self.end()
            raise LostError(f"took longer than {limit:g} s") from None
        except (OSError, EOFError):
            self.end()
            raise GoneError("has ended") from None
        except BaseException:  # its answer must not be taken for the next request's
            self.end()
            raise

    def end(self) -> None:
        """Kill it and the child that plays."""
        if not self.pid or os.getpid() != self.owner:
            return
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(self.pid, 0)
        os.close(self.questions)
        os.close(self.answers)
        self.pid, self.questions, self.answers = 0, -1, -1


_OPEN: ContextVar[Clean | None] = ContextVar("simqueue_clean", default=None)


@contextmanager
def clean_for(*scenarios: Scenario) -> Iterator[Clean | None]:
    """Yield a clean process for scenarios: the open one, or one forked now.

    Open it before the first run. It is None where no process can be forked.
    """
    opened = _OPEN.get()
    if opened is not None and all(map(opened.knows, scenarios)):
        yield opened
        return
    clean = None
    token = _OPEN.set(None)
    try:
        with signals_wait():  # until there is something to end
            clean = Clean.fork(*scenarios)
        _OPEN.set(clean)
        yield clean
    finally:
        _OPEN.reset(token)
        if clean is not None:
            clean.end()


def opened_for(scenario: Scenario) -> Clean | None:
    """Return the clean process that was opened before for a scenario, if there is one."""
    opened = _OPEN.get()
    return opened if opened is not None and opened.knows(scenario) else None


def in_a_copy(
    scenario: Scenario, call: Callable[[Scenario], Answer], limit: float = LIMIT_S
) -> Answer:
    """Return the result of ``call`` in a process forked now, after the runs played here.

    Raises:
        LostError: there was no answer, or ``call`` raised.
    """
    copy = Clean.fork(scenario)
    if copy is None:
        raise LostError("no process can be forked")
    try:
        return copy.ask(scenario, call, limit)
    finally:
        copy.end()


# --- a clean process's life -----------------------------------------------------------------------


@functools.cache
def _warm_up() -> None:
    """Load the modules of a first run once, so that children need not."""
    with suppress(Exception):  # if no run can be played now, playing one shows the error
        run(_nothing)


async def _nothing(sim: Simulation) -> None:
    """Do nothing."""


def _serve(answer: Callable[[bytes], bytes], requests: int, answers: int, parent: int) -> NoReturn:
    """Answer requests until the other end is closed; the forked process runs only this."""
    try:
        signals_arrive()
        os.setsid()  # Ctrl-C is handled where it was forked
        die_with_parent(parent)
        _leave_streams()
        while True:
            request = read_frame(requests, _FOREVER_S)
            write_frame(answers, answer(request))
    except (OSError, EOFError):
        pass
    finally:
        os._exit(0)
    raise AssertionError


def _answer_of_child(scenarios: tuple[Scenario, ...], request: bytes) -> bytes:
    """Return a child's answer, empty if it ended without one."""
    theirs, ours = os.pipe()
    parent = os.getpid()
    pid = fork()
    if not pid:
        try:
            die_with_parent(parent)
            os.close(theirs)
            write_frame(ours, _played(scenarios, request))
        finally:
            os._exit(0)
    os.close(ours)
    try:
        return read_frame(theirs, _FOREVER_S)
    except EOFError:
        return b""
    finally:
        os.close(theirs)
        os.waitpid(pid, 0)


def _played(scenarios: tuple[Scenario, ...], request: bytes) -> bytes:
    try:
        number, call = unpack(request)
        scenario: Any = scenarios[number]
        answer = call(scenario)
        carry = getattr(scenario, "carry", None)
        return pack((answer, None if carry is None else carry(), ""))
    except BaseException as error:  # noqa: BLE001  raised in the process that asked
        return pack((None, None, f"{type(error).__name__}: {error}"))


def _leave_streams() -> None:
    """Detach the standard streams: the process that sends the requests prints the same run."""
    terminals = list(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr)))
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    sys.stdin = no_input(terminal=terminals[0])
    sys.stdout = Substitute(io.FileIO(os.devnull, "w"), terminal=terminals[1])
    sys.stderr = Substitute(io.FileIO(os.devnull, "w"), terminal=terminals[2])
