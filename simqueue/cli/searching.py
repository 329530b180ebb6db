"""Runs a search under a progress bar; Ctrl-C ends it and leaves the newest result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import typer

from simqueue.terminal import complain

_INTERRUPTED = 130

Finding = TypeVar("Finding")


def run_search(
    bar: AbstractContextManager[Callable[[Any], object]],
    search: Callable[..., Finding],
) -> tuple[Finding | None, bool]:
    """Return the newest result of a search, if there is one, and whether Ctrl-C ended it.

    ``search`` takes ``on_progress``, which it calls with its result so far.
    """
    latest: list[Finding] = []
    with bar as show:

        def on_progress(finding: Finding) -> None:
            latest[:] = [finding]
            show(finding)

        try:
            return search(on_progress=on_progress), False
        except KeyboardInterrupt:
            return (latest[0] if latest else None), True


def exit_if(interrupted: bool) -> None:  # noqa: FBT001  its name reads with the argument
    """End the command with the exit status of Ctrl-C if its search was interrupted."""
    if interrupted:
        complain("interrupted")
        raise typer.Exit(_INTERRUPTED)
