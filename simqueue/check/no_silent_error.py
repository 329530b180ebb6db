"""no-silent-error: each error is seen, and each task ends with its worker."""

from __future__ import annotations

import re
from typing import ClassVar

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.owed import latency
from simqueue.check.view import View, WorkerView
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import Duration, Instant

_A_WHILE = Duration(60_000_000)
"""An unseen error is reported after at least this time, and at most twice of it."""
_TASK = re.compile(r" \(task (?P<name>.*)\)$", re.DOTALL)
_NUMBERS = re.compile(r"\d+")


class NoSilentError(Invariant):
    """Judges errors of tasks that were never retrieved, and tasks that outlive ``run()``.

    Kinds are distinguished by the coroutine. An unretrieved error is reported again after twice the
    time and so on: a worker that has had longer than faults, stalls and its ``dequeue_timeout`` may
    take, and runs no handler, has ignored it.
    """

    name: ClassVar[str] = "no-silent-error"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "Each error of a worker is raised, logged or retrieved, and its tasks are done before "
            "its `run()` returns."
        ),
        reason=(
            "An error that no code retrieves, and a task that is never awaited, hide bugs. The "
            "error may be that of the scenario's own check of the application."
        ),
        no_violation=(
            "What a killed worker leaves, and tasks of a worker that ended with an error. An error "
            "that was not retrieved yet because faults, a stall or a long `dequeue_timeout` held "
            "up the code that should do so, or because a handler runs that may still await the "
            "task."
        ),
        advice=(
            "`unawaited` means that a task ended with an error which was never retrieved: await "
            "it, or log its error in a done callback. `ignored` means that no code has retrieved "
            "it for a minute or more. `leaked` means that a task was not done when `run()` "
            "returned: cancel and await it, or use `asyncio.TaskGroup`."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.TaskFailed, e.ErrorIgnored, e.TasksLeaked, e.WorkerExited, e.WorkerCrashed,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._failed: set[WorkerView] = set()
        self._killed: set[WorkerView] = set()
        self._leaks: dict[WorkerView, Broken] = {}
        self._unseen: dict[tuple[WorkerView, str], Instant] = {}
        """When a task's error was first reported as not retrieved."""
        self._ignored: set[tuple[WorkerView, str]] = set()

    def see(self, entry: Entry) -> Broken | None:
        """Judge an event of a worker."""
        worker = self.view.workers.get(entry.worker)
        if worker is None:
            return _scenarios_own(entry)
        match entry.event:  # partial: only the events that it sees
            case e.WorkerExited(error):
                return self._exited(worker, error)
            case e.WorkerCrashed():
                self._killed.add(worker)
            case _ if worker in self._killed:
                """A killed worker is excused for what it left."""
            case e.TasksLeaked(tasks):
                return self._leaked(worker, tasks)
            case e.TaskFailed(message, error):
                return _unawaited(worker, message, error)
            case e.ErrorIgnored(task, error):
                return self._ignores(worker, task, error, entry.at)
        return None

    def _ignores(self, worker: WorkerView, task: str, error: str, at: Instant) -> Broken | None:
        unseen = worker, task
        first = self._unseen.setdefault(unseen, at)
        if unseen in self._ignored or not self._should_have_looked(worker, first, at):
            return None
        self._ignored.add(unseen)
        text = f"task {_stable(task)} of {worker} ended with an error that nobody looks at"
        return Broken(f"{text}: {error}", f"ignored:{_stable(task)}")

    def _should_have_looked(self, worker: WorkerView, first: Instant, at: Instant) -> bool:
        """Return whether an error that was not retrieved for so long counts as ignored.

        The task failed between two whiles and one while before its error was ``first`` reported.
        """
        calm, begin = self.view.calm_since, Instant(first - 2 * _A_WHILE)
        if calm is None or self.view.runs(worker):
            return False
        had = at - first + _A_WHILE
        if calm and calm > begin:
            begin, had = calm, at - max(calm, first)  # it may have failed as late as ``first``
        held_up = worker.stalled(begin, at) + 8 * latency(self.view.config)
        return had >= _A_WHILE and worker.dequeue_timeout + held_up < had

    def _exited(self, worker: WorkerView, error: str | None) -> Broken | None:
        """Judge leaked tasks that were reported before the worker's end was."""
        leak = self._leaks.pop(worker, None)
        if error is not None:
            self._failed.add(worker)
            return None
        return leak

    def _leaked(self, worker: WorkerView, tasks: tuple[str, ...]) -> Broken | None:
        names = ", ".join(sorted(set(map(_stable, tasks))))
        leak = Broken(
            f"run() of {worker} returned while {len(tasks)} task(s) were not done: {names}",
            f"leaked:{names}",
        )
        if worker.alive:
            self._leaks[worker] = leak
            return None
        return None if worker in self._failed else leak


def _scenarios_own(entry: Entry) -> Broken | None:
    """Judge a task of the scenario that failed unseen: it may be a check of the application."""
    match entry:  # partial: other values do not matter here
        case Entry(worker="scenario", event=e.TaskFailed(message, error)) if error:
            return _unawaited("the scenario", message, error)
    return None


def _unawaited(worker: WorkerView | str, message: str, error: str) -> Broken:
    task_named = _TASK.search(message)
    text = message if task_named is None else message[: task_named.start()]
    by = _stable(text.partition("\n")[0] if task_named is None else task_named["name"])
    task = "" if task_named is None else f" (task {by})"
    return Broken(f"on {worker}: {text}{task}: {error}", f"unawaited:{by}")


def _stable(name: str) -> str:
    """Return the part of a task's name that all tasks of its kind share."""
    return _NUMBERS.sub("N", name.partition("#")[0])
