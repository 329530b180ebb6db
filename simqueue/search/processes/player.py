"""The player: plays the runs of one campaign in this process and reports the result of each."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import inf

from simqueue.errors import UsageError
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.coverage import gather
from simqueue.search.planning.result import Result
from simqueue.search.processes.alone import Alone
from simqueue.search.processes.clean import GoneError, LostError
from simqueue.search.processes.output import Output
from simqueue.sim.run import Run

Job = Callable[[Assignment], Run]
"""Plays one run."""

Judging = Callable[[], AbstractContextManager[Alone | None]]
"""Opens the judge of failures, in the process that plays the runs and before the first of them."""

NO_JUDGE = (
    "the process that plays failures again before they count was killed: start the command again "
    "with --resume"
)
_NEEDS_TERMINAL = (
    "a run opened a debugger, which needs the terminal: give -s, with which runs are played in "
    "this process and what they print is shown"
)


class Player:
    """Plays runs in this process.

    Args:
        job: plays one of them.
        accepted: signatures of failures whose traces are not needed.
        alone: judges the first failure of each signature.
        first: the lowest run whose trace is known, by signature.
        output: captures the output of runs; None lets it through.
    """

    def __init__(
        self,
        job: Job,
        accepted: frozenset[str] = frozenset(),
        alone: Alone | None = None,
        *,
        first: Mapping[str, int] | None = None,
        output: Output | None = None,
    ) -> None:
        self._job, self._alone, self._output = job, alone, output
        self._first = {**(first or {}), **dict.fromkeys(accepted, -1)}
        self._judged: set[str] = set()

    def play(self, assignment: Assignment) -> Result:
        """Play one run.

        Raises:
            GoneError: it failed, and the process that would judge it was killed.
        """
        try:
            run, leaked, printed = self._played(assignment)
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
            printed=printed if trace is not None else "",
        )

    @property
    def debugged(self) -> bool:
        """Whether the last run opened a debugger."""
        return self._output is not None and self._output.debugged

    def _played(self, assignment: Assignment) -> tuple[Run, str, str]:
        """Return a run, as it ends alone if it was judged, the leaked state, and its output."""
        alone = self._alone
        if alone is not None and alone.leaking:
            return alone.play(assignment), "", ""
        with nullcontext() if self._output is None else self._output.captured():
            run = self._job(assignment)
        printed = "" if self._output is None or run.passed else self._output.tail()
        if alone is None:
            return run, "", printed
        alone.history.append(assignment)
        if run.failure is None or not self._is_new(run.failure.signature, assignment):
            return run, "", printed
        return *alone.judge(assignment, run), printed

    def _is_new(self, signature: str, assignment: Assignment) -> bool:
        """Return whether a failure was not judged before, or its trace will be kept."""
        judged = signature in self._judged
        self._judged.add(signature)
        return not judged or assignment.number < self._first.get(signature, inf)


def answer(player: Player, assignment: Assignment) -> Result | BaseException:
    """Return the result of a run, or an error that the campaign's own process raises."""
    try:
        return player.play(assignment)
    except GoneError:  # it must not count: end the same way, so that another process plays it
        os.kill(os.getpid(), signal.SIGKILL)
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        return UsageError(_NEEDS_TERMINAL) if player.debugged else error
