"""Playing for others: the life of a helper process, and the settings that it starts with."""

from __future__ import annotations

import fcntl
import inspect
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from simqueue.choices.survey import Survey
from simqueue.errors import TargetError
from simqueue.model.config import Config
from simqueue.search.dask.helper import RETIRED, Ask
from simqueue.search.planning.assignment import Assignment, source_of
from simqueue.search.planning.sometimes import fingerprint
from simqueue.search.processes.alone import Alone, alone_for
from simqueue.search.processes.frames import pack, read_frame, unpack, write_frame
from simqueue.search.processes.player import Player, answer
from simqueue.search.target import load_target
from simqueue.sim.run import Run, Scenario, run, version_of

PACKAGES = ("simqueue", "pgqueuer")
NONE = "0.0.0"
"""The version of a package that is not installed, such as simqueue run from source."""

_IDLE_S = 60.0
"""A helper that is idle for this long ends: its parent may have lost the connection to it."""


class Work(msgspec.Struct, frozen=True):
    """The work of a helper: a scenario by its name, from the same code as here.

    ``home`` is the directory that the name is relative to. ``versions`` are those of the packages
    that decide runs, ``source`` is the digest of the scenario's file, empty if it has none.
    """

    target: str
    config: Config
    home: str
    versions: dict[str, str]
    function: str
    source: str

    @classmethod
    def of(cls, scenario: Scenario, target: str, config: Config) -> Work:
        """Return the work of playing a scenario that other processes load as ``target``."""
        return cls(target, config, str(Path.cwd()), versions(), *_identity(scenario))

    def encoded(self) -> str:
        """Return it as one argument of a command line."""
        return msgspec.json.encode(self).decode()

    def load(self) -> Scenario:
        """Return the scenario.

        Raises:
            TargetError: it is not here, or not the same.
        """
        differing = difference(self.versions, versions())
        if differing:
            raise TargetError(self.target, differing)
        scenario = self._scenario()
        function, source = _identity(scenario)
        if function != self.function or (source and self.source and source != self.source):
            raise TargetError(
                self.target,
                f"is not the same code here, in {Path.cwd()}, as where the campaign was started: "
                "check out the same state",
            )
        return scenario

    def _scenario(self) -> Scenario:
        try:
            return load_target(self.target).scenario
        except TargetError as error:
            raise TargetError(
                self.target,
                f"{error.problem} (looked for in {Path.cwd()}; every worker needs the project at "
                f"{self.home}, or where Python imports it from)",
            ) from error


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide runs, and of Python."""
    packages = {package: version_of(package) for package in PACKAGES}
    return {**packages, "Python": ".".join(map(str, sys.version_info[:3]))}


def difference(wanted: dict[str, str], here: dict[str, str]) -> str:
    """Describe the versions that differ; return an empty text if no known version does."""
    return ", ".join(
        f"{name} is {_described(here[name])}, and {_described(wanted[name])} where the campaign is"
        for name in wanted
        if here.get(name, wanted[name]) != wanted[name]
    )


def _described(text: str) -> str:
    return "not installed" if text == NONE else text


def _identity(scenario: Scenario) -> tuple[str, str]:
    name = getattr(inspect.unwrap(scenario), "__qualname__", "")
    return name, fingerprint(scenario)


@dataclass(frozen=True, slots=True)
class AskSurvey:
    """A request for a run with recorded picks; the answer is the survey and the run."""

    seed: int
    survey: Survey


# --- a helper's life ------------------------------------------------------------------------------


def play_for_others(settings: str, leash: int) -> None:
    """Play the requests from standard input until it is closed; a helper process runs only this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled where the campaign is
    _die_with(leash)
    requests, answers = _take_over_pipes()
    work = msgspec.json.decode(settings, type=Work)
    try:
        scenario = work.load()
    except TargetError as error:
        write_frame(answers, str(error).encode(errors="replace"))
        return
    with alone_for(scenario, work.config, work.target) as alone:
        if alone is not None:
            alone.on_step = partial(write_frame, answers, b"")
        write_frame(answers, b"")
        while True:
            try:
                request = unpack(read_frame(requests, _IDLE_S))
            except TimeoutError:
                sys.exit(RETIRED)
            except EOFError:
                return
            _serve(request, scenario, work, answers, alone)


def _take_over_pipes() -> tuple[int, int]:
    """Return copies of standard input and output; replace the originals for scenarios."""
    pipes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return pipes


def _serve(
    request: Ask | AskSurvey, scenario: Scenario, work: Work, answers: int, alone: Alone | None
) -> None:
    play = partial(run, scenario, config=work.config, target=work.target)
    if isinstance(request, AskSurvey):
        write_frame(answers, pack(_surveyed(request, play)))
        return

    def job(assignment: Assignment) -> Run:
        return play(seed=assignment.seed, choices=source_of(assignment))

    if alone is not None:
        alone.wait(request.limit)
    player = Player(job, request.accepted, alone)
    for packed in request.runs:
        write_frame(answers, pack(answer(player, unpack(packed))))


def _surveyed(request: AskSurvey, play: Callable[..., Run]) -> object:
    try:
        played = play(seed=request.seed, choices=request.survey)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  raised where the campaign is
        return error
    return request.survey, played


def _die_with(leash: int) -> None:
    """End this process at once when the other end of a pipe is closed."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # which is to end
    fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(leash, 0)
    if poll.poll(0):  # it was closed before
        os._exit(1)
