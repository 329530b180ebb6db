"""Helpers: processes of our own that play runs beside a Dask worker, seen from the outside.

A run takes over clocks, threads and sockets of its whole process, and a Dask worker talks to its
scheduler all the time. So a worker plays no run itself. It passes each request to a helper and the
answer back, without decoding either.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from simqueue.search.processes.frames import pack, read_frame, write_frame
from simqueue.search.processes.fresh import command_line, environment
from simqueue.search.processes.losses import ending, is_from_outside

PLAY_COMMAND = "_play"
"""The hidden command that starts a helper; its arguments are the work as JSON and the leash."""

HASH_SEED = "0"
"""The PYTHONHASHSEED that the command line sets."""

RETIRED = 75
"""The exit status of a helper that was idle for too long."""

_START_S = 300.0
_EXIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A chunk of runs, each packed, to be answered one by one; ``accepted`` is as for ``Player``.

    An empty answer says that another run begins, to judge the last one. The caller waits ``limit``
    real seconds for each answer. The results of a chunk arrive together or not at all, and a chunk
    may be played twice. So a helper does not remember failures from one chunk to the next.
    """

    runs: list[bytes]
    accepted: frozenset[str]
    limit: float = 300.0


class RefusalError(Exception):
    """A helper cannot play its work; the text says why."""


class KilledHelperError(Exception):
    """A helper was killed from outside while it started; the text says how."""


@dataclass(eq=False, slots=True)
class Helper:
    """One helper. It ends with the process that started it, which holds the other end of its leash.

    Nothing is written to the leash. Linux could signal children when a process ends, but here a
    thread starts a helper, and may end while the helper is needed.
    """

    process: subprocess.Popen[bytes]
    questions: IO[bytes]
    answers: IO[bytes]
    leash: int
    asked: int = 0

    @classmethod
    def start(cls, home: str, settings: str) -> Helper:
        """Start a helper, in ``directory`` if that exists here, and wait until it is ready.

        Raises:
            RefusalError: it cannot.
            KilledHelperError: it was killed from outside before it could.
        """
        theirs, ours = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and our own command
                command_line(PLAY_COMMAND, settings, str(theirs)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=home if Path(home).is_dir() else None,
                env=environment(HASH_SEED),
                pass_fds=(theirs,),
                start_new_session=True,  # Ctrl-C is handled by the process that started it
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        helper = cls(process, *_pipes(process), ours)
        try:
            helper._await_readiness()
        except BaseException:
            helper.end()
            raise
        return helper

    def _await_readiness(self) -> None:
        try:
            refusal = self.hear(_START_S).decode()
        except TimeoutError:
            raise RefusalError(
                f"a process to play runs was not ready after {_START_S:g} s"
            ) from None
        except EOFError:
            status = self.process.wait()
            if is_from_outside(status):
                raise KilledHelperError(f"{ending(status)} while it started") from None
            raise RefusalError(
                f"a process to play runs ended at once, with status {status}; the worker's own "
                "output says more"
            ) from None
        if refusal:
            raise RefusalError(refusal)

    def ask(self, request: object) -> None:
        """Send a request; a dead helper does not answer."""
        self.asked += 1
        with suppress(OSError):
            write_frame(self.questions.fileno(), pack(request))

    def hear(self, limit: float) -> bytes:
        """Return the next answer.

        Raises:
            EOFError: the helper has ended.
            TimeoutError: there was none for ``limit`` real seconds.
        """
        return read_frame(self.answers.fileno(), limit)

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""
        return self.process.poll() is not None

    @property
    def retired(self) -> bool:
        """Whether it had ended by itself at the last request."""
        return self.asked > 1 and self.process.poll() == RETIRED

    @property
    def was_killed(self) -> bool:
        """Whether it was killed from outside, after it has closed its end of the pipe."""
        with suppress(subprocess.TimeoutExpired):
            return is_from_outside(self.process.wait(_EXIT_S))
        return False

    def end(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait()
        self.questions.close()
        self.answers.close()
        if self.leash >= 0:
            os.close(self.leash)
            self.leash = -1


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
