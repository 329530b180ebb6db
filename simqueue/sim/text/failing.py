"""Failures: from an exception, or another end of a run, to the record of it."""

from __future__ import annotations

import asyncio
import shlex
import traceback
from typing import Any

from simqueue.errors import RefusedError, SettleTimeoutError, SimqueueError
from simqueue.model.failure import Failure, FailureKind
from simqueue.report.printable import printable
from simqueue.sim.code.places import (
    culprit,
    is_users,
    place,
    source_line,
    waiting_function,
    waiting_place,
)
from simqueue.sim.kernel.core import Core
from simqueue.sim.text.descriptions import described
from simqueue.sim.text.masking import Tidier

_TASKS_NAMED = 12


class FailedRun(SimqueueError):  # noqa: N818  what ``Run.check`` raises
    """A run failed; ``failure`` says how.

    Example:
        >>> try:
        ...     simqueue.run(broken, seed=bad_seed).check()
        ... except simqueue.FailedRun as error:
        ...     error.failure.kind
        'exception'
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        failure = self.failure
        more = f"More: simqueue explain {shlex.quote(failure.explained_as)}"
        return printable(f"{failure.kind}: {failure.message}\nat {failure.where}\n{more}")


def failure_of(error: BaseException) -> Failure:
    """Describe the error that ended the scenario or a worker; of a group of one, its member."""
    error = alone(error)
    kind: FailureKind = "timeout" if isinstance(error, SettleTimeoutError) else "exception"
    spot = culprit(error)
    where = "an unknown place" if spot is None else place(*spot)
    line = "" if spot is None else source_line(*spot)
    if isinstance(error, RefusedError) and not (spot and is_users(spot[0].co_filename)):
        where, line = error.where, ""  # the user's line is on no stack, but the refusal names it
    name = where.partition(" in ")[2]
    text = "".join(traceback.format_exception(error))
    return Failure(
        kind=kind,
        message=described(error),
        where=where,
        signature=f"{kind}:{type(error).__name__}:{name}:{line}",
        traceback=Tidier()(text),
    )


def fail_by(core: Core, error: BaseException) -> None:
    """Fail a run because of an error."""
    if core.failure is None:
        core.culprit = error
    core.fail(failure_of(error))


def settle_refusal(core: Core) -> None:
    """Make a refusal the run's failure; called after the run, when its traceback is complete."""
    if core.refusal is not None:
        core.failure, core.culprit = failure_of(core.refusal), core.refusal


def alone(error: BaseException) -> BaseException:
    """Return the error in a group of one, also in nested groups; otherwise the error itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def ending(kind: FailureKind, message: str, tasks: list[asyncio.Task[Any]]) -> Failure:
    """Describe a run that got stuck or reached its limit, with its tasks and what they await."""
    waits = [f"{_home(task)}: task {task.get_name()} {waiting_place(task)}" for task in tasks]
    shown = waits[:_TASKS_NAMED]
    if len(waits) > len(shown):
        shown.append(f"and {len(waits) - len(shown)} more tasks")
    functions = sorted({waiting_function(task) for task in tasks})
    return Failure(
        kind=kind,
        message=message + "".join(f"\n  {line}" for line in shown),
        where=shown[0] if shown else "no task is left",
        signature=f"{kind}:{','.join(functions)}",
    )


def _home(task: asyncio.Task[Any]) -> str:
    home = getattr(task, "home", None)
    return "?" if home is None else str(home.name)
