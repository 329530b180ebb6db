"""Before a trace's scenario is run: its target is shown, and the user asked if need be."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.errors import UsageError, excerpt
from simqueue.terminal import ask, can_ask, complain

if TYPE_CHECKING:
    from simqueue.search.target import Admit

_INTERRUPTED = 130

TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run the code that the trace names, even if it is outside the current directory.",
    ),
]


def door(trace: str, *, trust: bool) -> Admit:
    """Return the check of a target before it is run; ``trace`` is the file that names it."""
    return partial(_admit, trace, trust)


def _admit(trace: str, trust: bool, target: str) -> None:  # noqa: FBT001  it is bound by name above
    """Show a target, and raise ``UsageError`` unless it may be run."""
    from simqueue.search.trust import TARGET_SHOWN, objection

    shown = excerpt(target, TARGET_SHOWN)
    problem = "" if trust else objection(target)
    if problem and not _is_allowed(f"{trace}: its target, {shown}, {problem}."):
        hint = "read that code, and add --trust to run it"
        raise UsageError(f"{trace}: its target, {shown}, {problem}: {hint}")
    complain(f"Target: {shown}")


def _is_allowed(problem: str) -> bool:
    """Ask a user at a terminal whether to run a target; without a terminal nobody is asked."""
    if not can_ask():
        return False
    try:
        return ask(f"{problem} Run it? [y/N]").strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        complain("")  # the question's line
        complain("interrupted")
        raise typer.Exit(_INTERRUPTED) from None


def replay_line(file: str, target: str, home: Path | None = None) -> str:
    """Return the command that replays a run of the user's own target, saved in a file."""
    from simqueue.search.trust import objection

    trust = " --trust" * bool(objection(target, home))
    return f"simqueue replay {shlex.quote(file)}{trust}"
