"""Terminations: SIGTERM ends a command as Ctrl-C does, and its results so far are reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import typer

from simqueue.terminal import complain

INTERRUPTED, TERMINATED = 130, 143
_AGAIN_S = 2.0


@dataclass(slots=True)
class Termination:
    """How the command was asked to end; ``came`` is set by SIGTERM."""

    came: bool = False
    first: float = 0.0

    @property
    def status(self) -> int:
        """The exit status of a command that was cut short."""
        return TERMINATED if self.came else INTERRUPTED

    @property
    def word(self) -> str:
        """The word that the command prints then."""
        return "terminated" if self.came else "interrupted"

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Act as on Ctrl-C. A second SIGTERM ends the process at once: a step caught the first.

        Within two seconds it is the same request: some programs signal a process and its group.
        """
        if self.came:
            if _now() - self.first > _AGAIN_S:
                _original("posix._exit")(TERMINATED)
            return
        self.came, self.first = True, _now()
        on_interrupt = signal.getsignal(signal.SIGINT)
        if callable(on_interrupt):
            on_interrupt(signal.SIGINT, frame)
        else:  # it is ignored, as nohup has it
            raise KeyboardInterrupt


def _now() -> float:
    """Return real seconds, in a run as well."""
    seconds: float = _original("time.monotonic")()
    return seconds


def _original(name: str) -> Callable[..., Any]:
    """Return what a built-in function is outside of runs."""
    from simqueue.sim.patching.builtin import builtin

    function = builtin(name)
    assert function is not None  # noqa: S101  these exist wherever there are signals
    return function.original


@contextmanager
def terminable() -> Iterator[Termination]:
    """Let SIGTERM interrupt the command; give an interrupt that escapes its exit status.

    Where SIGTERM is handled or ignored already, it stays so.
    """
    termination = Termination()
    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, termination.handle)
    try:
        yield termination
    except KeyboardInterrupt:
        complain(termination.word)
        raise typer.Exit(termination.status) from None
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
