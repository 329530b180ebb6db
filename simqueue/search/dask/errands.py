"""Errands: the tasks of a Dask worker for a campaign, each with one helper at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from distributed import Reschedule, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from simqueue.errors import ClusterError
from simqueue.search.dask.helper import Ask, Helper, KilledHelperError, RefusalError
from simqueue.search.processes.frames import unpack

_KILLED = "was killed"


@dataclass(frozen=True, slots=True)
class Loss:
    """A run whose helper ended before it reported the result, and how the helper ended.

    ``killed`` is whether the helper was killed from outside: then another helper may play the run.
    """

    why: str
    killed: bool = False


@dataclass(frozen=True, slots=True)
class Errand:
    """Runs by their numbers, each packed; ``accepted`` is packed into each request to a helper."""

    runs: dict[int, bytes]
    accepted: frozenset[str]


Answers = dict[int, bytes | Loss]
"""By the runs' numbers."""


class Helpers(WorkerPlugin):  # type: ignore[misc]  # Dask's types differ between releases
    """A worker's helpers for one campaign; they end with the campaign or with the worker."""

    def __init__(self, home: str, settings: str, run_limit: float) -> None:
        self._home, self._settings, self._limit = home, settings, run_limit

    def setup(self, worker: Worker) -> None:
        """Start; Dask calls this on each worker."""
        self._where = worker.address
        self._lock = Lock()
        self._idle: list[Helper] = []
        self._all: set[Helper] = set()
        self._closed = False

    def teardown(self, worker: Worker) -> None:
        """End all helpers, also those that play a run."""
        with self._lock:
            self._closed = True
            for helper in self._all:
                helper.process.kill()  # the task that waits for its answer ends it
            for helper in self._idle:
                helper.end()
            self._idle.clear()

    def run_packed(self, packed: bytes) -> Answers:
        """Play a packed errand's runs with a helper."""
        return self.run(unpack(packed))

    def run(self, errand: Errand) -> Answers:
        """Play an errand's runs with helpers; each helper that is lost loses one run."""
        left = deque(errand.runs.items())
        answers: Answers = {}
        while left:
            loss = self._play_some(left, errand.accepted, answers)
            if loss is not None:
                number, _ = left.popleft()
                answers[number] = loss
        return answers

    def _play_some(
        self, left: deque[tuple[int, bytes]], accepted: frozenset[str], answers: Answers
    ) -> Loss | None:
        """Let a helper play the runs that are left; return the loss of the next run, if any."""
        try:
            helper = self._take()
        except KilledHelperError as error:
            self._check_open()
            return Loss(f"{error} on {self._where}", killed=True)
        why = self._play(helper, left, accepted, answers)
        if not why:
            self._put_back(helper)
            return None
        killed = why == _KILLED and helper.was_killed
        self._end(helper)
        return None if helper.retired else Loss(f"{why} on {self._where}", killed=killed)

    def _play(
        self,
        helper: Helper,
        left: deque[tuple[int, bytes]],
        accepted: frozenset[str],
        answers: Answers,
    ) -> str:
        """Move runs that a helper plays from ``left`` to ``answers``; return its loss, if any."""
        helper.ask(Ask([packed for _, packed in left], accepted, self._limit))
        while left:
            try:
                while not (answer := helper.hear(self._limit)):
                    pass  # it begins another run to judge the last one
                answers[left[0][0]] = answer
            except EOFError:
                return _KILLED
            except TimeoutError:
                return f"took longer than {self._limit:g} s"
            left.popleft()
        return ""

    def _take(self) -> Helper:
        """Return an idle helper."""
        with self._lock:
            while self._idle:
                helper = self._idle.pop()
                if not helper.ended:
                    return helper
                self._all.discard(helper)
                helper.end()
        self._check_open()
        try:
            helper = Helper.start(self._home, self._settings)
        except (RefusalError, OSError) as error:
            raise ClusterError(self._where, str(error)) from None
        with self._lock:
            self._all.add(helper)
        if self._closed:
            self._end(helper)
        return helper

    def _put_back(self, helper: Helper) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(helper)
                return
        self._end(helper)

    def _end(self, helper: Helper) -> None:
        with self._lock:
            self._all.discard(helper)
        helper.end()
        self._check_open()

    def _check_open(self) -> None:
        """Raise so that another worker takes the task, if this one is about to end."""
        if self._closed:
            raise Reschedule


def errand_runner() -> Callable[[str, bytes], Answers]:
    """Return a function that runs an errand in a task of Dask's, with the helpers of that name.

    A nested function is pickled with its code, and the errand is bytes: so the scheduler, which may
    inspect tasks, does not need simqueue.
    """

    def run_errand(name: str, packed: bytes) -> Answers:
        helpers: Helpers | None = get_worker().plugins.get(name)
        if helpers is None:  # the campaign is over
            raise Reschedule
        return helpers.run_packed(packed)

    return run_errand
