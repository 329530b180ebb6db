"""The Dask cluster of a campaign: runs go out in chunks, as tasks, and results come back."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import perf_counter

from msgspec.structs import replace

from simqueue.choices.survey import Survey
from simqueue.errors import ClusterError, UsageError
from simqueue.search.dask.helper import Helper, KilledHelperError, RefusalError
from simqueue.search.dask.playing import NONE, PACKAGES, AskSurvey, Work, difference
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.result import Result
from simqueue.search.processes.frames import pack, unpack
from simqueue.search.processes.losses import lost_again
from simqueue.search.processes.workers import RUN_LIMIT_S
from simqueue.sim.run import Run

try:
    from distributed import Client, Future, KilledWorker, Security
except ImportError:
    raise UsageError("Dask is not installed here: pip install 'simqueue[dask]'") from None

from simqueue.search.dask.errands import Answers, Errand, Helpers, Loss, errand_runner

_CHUNK_MAX = 16
_CHUNKS_PER_SLOT = 4
_TASKS_PER_SLOT = 2
"""Chunks per slot: one is played while the next is sent."""

_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError, OSError)
_LIBRARIES = ("distributed", "tornado")
_REGISTRATIONS = 5
_SURVEYS = 2
_LOOK_S = 1.0
_PATIENCE_S = 60.0
_GOODBYE_S = 10.0


def results_of_dask(
    work: Work,
    plan: Plan,
    address: str,
    accepted: frozenset[str] = frozenset(),
    *,
    runs: int,
    run_limit: float = RUN_LIMIT_S,
    patience: float = _PATIENCE_S,
) -> Generator[Result, None, None]:
    """Play a plan's ``runs`` on the workers of a Dask scheduler; results come as they are ready.

    Runs of a worker that is lost are played elsewhere, and so is, once, one whose process was
    killed from outside. A run that ends the process it is played in, or takes longer than
    ``run_limit`` real seconds, is lost, and so is one that repeatedly ends Dask's workers.

    Raises:
        ClusterError: the scheduler cannot be reached or is gone, there has been no worker for
            ``patience`` real seconds, or one cannot play what it is to play.
        Exception: whatever a run raised.
    """
    with _connected(address) as client, _served(client, address, work, run_limit) as helpers:
        yield from _Dispatch(client, address, helpers, plan, accepted, runs, patience).results()


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    _check_certificates(address)
    with _silenced():
        try:
            client = Client(address, name="simqueue", set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            problem = f"there is no Dask scheduler to be reached: {reason}"
            raise ClusterError(address, problem) from None
        try:
            yield client
        finally:
            with suppress(*_CANCELLED):  # the scheduler does not answer
                client.close(timeout=_GOODBYE_S)


def _check_certificates(address: str) -> None:
    """Raise if an address needs certificates and Dask's configuration names none."""
    if address.startswith("tls://") and not Security().get_connection_args("client")["ssl_context"]:
        raise ClusterError(
            address,
            "TLS needs certificates: name them in Dask's configuration, such as "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE and __TLS__CLIENT__CERT",
        )


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep Dask's own log lines from the terminal: simqueue reports the errors that matter."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LIBRARIES]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    """Drop the record."""
    return False


@contextmanager
def _served(client: Client, address: str, work: Work, run_limit: float) -> Iterator[str]:
    """Install helpers on every worker, also on later ones; yield the name of the plugin."""
    name = f"simqueue-{os.urandom(8).hex()}"
    try:
        _check_versions(client, address, work)
        _register(client, address, Helpers(work.home, work.encoded(), run_limit), name)
        yield name
    finally:
        if client.status == "running":
            with suppress(*_CANCELLED, KeyError, ValueError):  # gone, or it has none
                client.unregister_worker_plugin(name)


def _register(client: Client, address: str, helpers: Helpers, name: str) -> None:
    """Register the helpers with the workers; repeat it if a worker dies meanwhile."""
    for left in reversed(range(_REGISTRATIONS)):
        try:
            client.register_plugin(helpers, name=name)
        except _CANCELLED as error:
            if client.status != "running" or not left:
                raise ClusterError(address, f"its workers cannot be reached: {error}") from None
        except Exception as error:  # noqa: BLE001  Dask passes an error on as text
            reason = " ".join(str(error).split())
            problem = f"its workers cannot do what is asked: {reason}"
            raise ClusterError(address, problem) from None
        else:
            return


def _check_versions(client: Client, scheduler: str, work: Work) -> None:
    """Compare the versions that workers report now; helpers of all workers compare more."""
    try:
        workers = client.get_versions(packages=list(PACKAGES))["workers"]
    except _CANCELLED:
        raise ClusterError(scheduler, "the scheduler is gone") from None
    for address, report in workers.items():
        versions = {"simqueue": NONE, **{name: v for name, v in report["packages"].items() if v}}
        versions["Python"] = ".".join(report["host"]["python"].split(".")[:3])
        differing = difference(work.versions, versions)
        if differing:
            raise ClusterError(address, differing)


# --- dispatching ----------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Task:
    """A chunk of runs that was sent out. A ``suspect`` was there when Dask's workers died."""

    future: Future
    chunk: list[Assignment]
    suspect: bool


@dataclass(eq=False, slots=True)
class _Dispatch:
    """The chunks under way, and the runs left to play."""

    client: Client
    address: str
    helpers: str
    plan: Plan
    accepted: frozenset[str]
    runs: int
    patience: float
    run: Callable[[str, bytes], Answers] = field(default_factory=errand_runner)
    tasks: dict[str, _Task] = field(default_factory=dict)
    suspects: deque[Assignment] = field(default_factory=deque)
    done: SimpleQueue[Future] = field(default_factory=SimpleQueue)
    first: dict[str, int] = field(default_factory=dict)
    killed: dict[int, str] = field(default_factory=dict)
    sent: Iterator[int] = field(default_factory=itertools.count)
    slots: int = 1
    looked: float = 0.0
    seen: float = field(default_factory=perf_counter)

    def results(self) -> Iterator[Result]:
        try:
            self._look()
            self._send()
            while self.tasks:
                for result in self._results_of(self._next()):
                    self.plan.learn(result)
                    self._remember(result)
                    yield result
                self._send()
        finally:
            if self.tasks and self.client.status == "running":
                with suppress(Exception):  # the scheduler is gone, and its tasks with it
                    self.client.cancel([task.future for task in self.tasks.values()])

    def _next(self) -> _Task:
        """Wait for a task to be done, and check the cluster meanwhile."""
        while True:
            self._look()
            with suppress(Empty):
                return self.tasks.pop(self.done.get(timeout=_LOOK_S).key)

    def _look(self) -> None:
        """Count the slots at intervals; give up when there has been none for ``patience``."""
        if perf_counter() - self.looked < _LOOK_S:
            return
        try:
            self.slots = sum(self.client.nthreads().values())
        except (OSError, AttributeError):  # a closed client knows of no scheduler
            raise self._gone() from None
        self.looked = perf_counter()
        if self.slots:
            self.seen = self.looked
        elif self.looked - self.seen >= self.patience:
            raise ClusterError(
                self.address,
                f"there has been no worker for {self.patience:g} s; start `dask worker "
                f"{self.address}` on one machine or several",
            )

    def _gone(self) -> ClusterError:
        return ClusterError(
            self.address, "the scheduler is gone, or has dropped what it was asked for"
        )

    # --- out ---

    def _send(self) -> None:
        """Keep every slot busy: with what the plan hands out, and one suspect at a time."""
        if self.suspects and not any(task.suspect for task in self.tasks.values()):
            self._submit([self.suspects.popleft()], suspect=True)
        while len(self.tasks) < _TASKS_PER_SLOT * max(1, self.slots) and (chunk := self._chunk()):
            self._submit(chunk)

    def _chunk(self) -> list[Assignment]:
        """Take runs from the plan, few enough that each slot gets some."""
        chunk = self.plan.take(1)
        slots = max(1, self.slots)
        size = min(_CHUNK_MAX, self.runs // (slots * _CHUNKS_PER_SLOT))
        return chunk + self.plan.take(size - 1) if chunk and size > 1 else chunk

    def _submit(self, chunk: list[Assignment], *, suspect: bool = False) -> None:
        """Send a chunk out; failures whose first trace is known already need no other."""
        first = chunk[0].number
        known = {signature for signature, number in self.first.items() if number < first}
        errand = Errand({each.number: pack(each) for each in chunk}, self.accepted | known)
        key = f"{self.helpers}-{next(self.sent)}"
        try:
            future = self.client.submit(self.run, self.helpers, pack(errand), key=key, pure=False)
        except Exception:
            if self.client.status == "running":
                raise
            raise self._gone() from None
        self.tasks[key] = _Task(future, chunk, suspect)
        future.add_done_callback(self.done.put)

    # --- in ---

    def _results_of(self, task: _Task) -> list[Result]:
        try:
            answers: Answers = task.future.result()
        except KilledWorker as error:
            return self._suspected(task, error)
        except _CANCELLED:
            raise self._gone() from None
        chunk = {each.number: each for each in task.chunk}
        results = [self._result(chunk[number], answer) for number, answer in answers.items()]
        return [result for result in results if result is not None]

    def _result(self, assignment: Assignment, answer: bytes | Loss) -> Result | None:
        """Return the result of a run, None if it is to be played again."""
        number = assignment.number
        killed = self.killed.get(number, "")
        if isinstance(answer, Loss):
            if answer.killed and not killed:
                self.killed[number] = answer.why
                self.suspects.append(assignment)
                return None
            why = lost_again(killed, answer.why) if killed else answer.why
            return Result(number, lost=why, killed=killed)
        result: Result | BaseException = unpack(answer)
        if isinstance(result, BaseException):
            raise result
        return replace(result, killed=killed) if killed else result

    def _suspected(self, task: _Task, error: KilledWorker) -> list[Result]:
        """Play runs whose workers died one by one: if it happens again, that run is the cause."""
        if not task.suspect:
            self.suspects.extend(task.chunk)
            return []
        why = f"was killed again and again with its Dask worker, last {error.last_worker.address}"
        return [Result(task.chunk[0].number, lost=why, killed=why)]

    def _remember(self, result: Result) -> None:
        if result.trace is not None and result.signature is not None:
            known = self.first.get(result.signature, result.number)
            self.first[result.signature] = min(known, result.number)


# --- surveys --------------------------------------------------------------------------------------


@contextmanager
def surveys(work: Work, seed: int) -> Iterator[Callable[[Survey], Run]]:
    """Yield a function that plays the run of a seed and records its picks.

    A helper plays them: the threads with which Dask keeps in touch live in this process.
    """
    helpers: list[Helper] = []

    def play(survey: Survey) -> Run:
        killed = ""
        for _ in range(_SURVEYS):
            try:
                if not helpers:
                    helpers.append(_local_helper(work))
                return _surveyed(helpers[0], AskSurvey(seed, survey))
            except KilledHelperError as error:
                killed = str(error)
                while helpers:
                    helpers.pop().end()
        raise UsageError(f"the process that counts the choices of a run {killed}")

    try:
        yield play
    finally:
        for helper in helpers:
            helper.end()


def _local_helper(work: Work) -> Helper:
    try:
        return Helper.start(work.home, work.encoded())
    except RefusalError as error:
        raise UsageError(str(error)) from None


def _surveyed(helper: Helper, request: AskSurvey) -> Run:
    """Have a survey filled in, and return the run.

    Raises:
        KilledHelperError: the helper was killed, or ended after being idle: start another.
    """
    helper.ask(request)
    try:
        answer: tuple[Survey, Run] | BaseException = unpack(helper.hear(RUN_LIMIT_S))
    except EOFError:
        if helper.was_killed or helper.retired:
            raise KilledHelperError("was killed") from None
        raise UsageError("the process that counts the choices of a run has ended") from None
    except TimeoutError:
        raise UsageError("the process that counts the choices of a run took too long") from None
    if isinstance(answer, BaseException):
        raise answer
    filled, played = answer
    vars(request.survey).update(vars(filled))
    return played
