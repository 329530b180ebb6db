"""Terminations: SIGTERM ends a command as Ctrl-C does, with what was found so far."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer

INTERRUPTED, TERMINATED = 130, 143


@dataclass(slots=True)
class Termination:
    """What was asked of the command from outside; ``came`` says that it was SIGTERM."""

    came: bool = False

    @property
    def status(self) -> int:
        """The exit status of a command that was cut short."""
        return TERMINATED if self.came else INTERRUPTED

    @property
    def word(self) -> str:
        """What the command says then."""
        return "terminated" if self.came else "interrupted"

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C does; the second time nothing, since the command is ending."""
        if self.came:
            return
        self.came = True
        on_interrupt = signal.getsignal(signal.SIGINT)
        if callable(on_interrupt):
            on_interrupt(signal.SIGINT, frame)
        else:  # it is ignored, as nohup has it
            raise KeyboardInterrupt


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
        typer.echo(termination.word, err=True)
        raise typer.Exit(termination.status) from None
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
