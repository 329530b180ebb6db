"""Errands: what a Dask worker does for a campaign, with one helper per task at a time."""

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

    ``killed`` is whether the helper was killed from outside: then another may play the run.
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
        """Begin to serve."""
        self._where = worker.address
        self._lock = Lock()
        self._idle: list[Helper] = []
        self._all: set[Helper] = set()
        self._closed = False

    def teardown(self, worker: Worker) -> None:
        """End all helpers, whatever they are doing."""
        with self._lock:
            self._closed = True
            for helper in self._all:
                helper.process.kill()  # the task that waits for its answer ends it
            for helper in self._idle:
                helper.end()
            self._idle.clear()

    def run_packed(self, packed: bytes) -> Answers:
        """Have a packed errand's runs played."""
        return self.run(unpack(packed))

    def run(self, errand: Errand) -> Answers:
        """Have an errand's runs played; a helper that is lost loses one of them."""
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
        """Have a helper play what is left; return the loss of the next run, if it is lost."""
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
        """Move what a helper plays from ``left`` to ``answers``; say what became of it, if lost."""
        helper.ask(Ask([packed for _, packed in left], accepted, self._limit))
        while left:
            try:
                while not (answer := helper.hear(self._limit)):
                    pass  # it begins another run to judge the last
                answers[left[0][0]] = answer
            except EOFError:
                return _KILLED
            except TimeoutError:
                return f"took longer than {self._limit:g} s"
            left.popleft()
        return ""

    def _take(self) -> Helper:
        """Return a helper that has nothing to do."""
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
        """Let another worker do it, if this one is about to end."""
        if self._closed:
            raise Reschedule


def errand_runner() -> Callable[[str, bytes], Answers]:
    """Return what runs an errand in a task of Dask's, with the helpers that go by a name.

    A function within a function travels with its code, and the errand as bytes: so the scheduler,
    which may look into tasks, needs no simqueue.
    """

    def run_errand(name: str, packed: bytes) -> Answers:
        helpers: Helpers | None = get_worker().plugins.get(name)
        if helpers is None:  # the campaign is over
            raise Reschedule
        return helpers.run_packed(packed)

    return run_errand
