"""``simqueue replay``: plays a trace again."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, assert_never

import typer

from simqueue.cli.options import TraceArgument, VerboseOption, naming
from simqueue.cli.painting import tell
from simqueue.cli.trusting import TrustOption, door
from simqueue.errors import NAME_SHOWN, excerpt
from simqueue.report.printable import printable
from simqueue.search.budgets import NEARBY_RUNS
from simqueue.search.nodes import PYTEST, node_of
from simqueue.search.replay.breakpoints import Breakpoints
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from simqueue.model.findings import Verdict
    from simqueue.model.trace import Trace
    from simqueue.search.replay.replayer import Replay
    from simqueue.search.target import Admit
    from simqueue.sim.run import Scenario

_SAME, _DIVERGED, _SKIP, _QUIT = 1, 3, 125, 130
"""125 makes ``git bisect run`` skip a commit."""

_Exact = Annotated[
    bool, typer.Option("--exact", help="Stop at the first event that differs from the trace.")
]
_NearbyRuns = Annotated[
    int,
    typer.Option(
        "--nearby",
        min=0,
        metavar="N",
        help="If it drifts and passes, play up to N variations of its choices; 0 plays none.",
    ),
]
_Break = Annotated[
    list[int] | None,
    typer.Option(
        "--break", min=0, metavar="N", help="Open the debugger at this event; repeatable."
    ),
]
_BreakJob = Annotated[
    list[int] | None,
    typer.Option("--break-job", metavar="ID", help="At each event of this job."),
]
_BreakSchedule = Annotated[
    list[int] | None,
    typer.Option("--break-schedule", metavar="ID", help="At each event of this schedule."),
]
_BreakKind = Annotated[
    list[str] | None,
    typer.Option("--break-kind", metavar="KIND", help="At each event of this kind: job_picked."),
]
_Pdb = Annotated[bool, typer.Option("--pdb", help="Open the debugger where the run failed.")]


@dataclass(frozen=True, slots=True)
class _Manner:
    """How to replay a trace.

    ``breaks`` are the values of the options that open the debugger, by what they name; "" names
    events.
    """

    exact: bool
    nearby: int
    breaks: Mapping[str, Sequence[int] | Sequence[str]]
    pdb: bool
    verbose: bool


def replay_command(
    trace: TraceArgument,
    exact: _Exact = False,
    nearby: _NearbyRuns = NEARBY_RUNS,
    breaks: _Break = None,
    break_jobs: _BreakJob = None,
    break_schedules: _BreakSchedule = None,
    break_kinds: _BreakKind = None,
    pdb: _Pdb = False,
    verbose: VerboseOption = False,
    trust: TrustOption = False,
) -> None:
    """Play a recorded run again.

    If the code has changed and the run passes, its choices are moved a little to find a run that
    fails the same way.

    The debugger is pdb, or the one that PYTHONBREAKPOINT names. Inspecting values in it does not
    change the run; c continues to the next stop, and q ends the run with exit status 130.

    Exit status: 0 it passes now, 1 it failed the same way, 125 it failed in another way, its
    scenario cannot be found, or it fails only after another run in the same process, 3 it diverged
    (with --exact).

    \b
    Examples:
      simqueue replay .simqueue/failures/lost_update-1f0c2d3e.json
      simqueue replay trace.json --break 812
      simqueue replay trace.json --break-job 7 --pdb
      git bisect run simqueue replay trace.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace

    recorded = Trace.load(trace)
    named = {"job": break_jobs or (), "schedule": break_schedules or (), "kind": break_kinds or ()}
    _replay(
        recorded, trace, _Manner(exact, nearby, {"": breaks or (), **named}, pdb, verbose), trust
    )


def _replay(trace: Trace, path: str, manner: _Manner, trust: bool) -> NoReturn:  # noqa: FBT001
    """Replay a trace in this process, or in pytest's if it is of a test."""
    breakpoints = _breakpoints(trace, manner)
    if manner.exact:
        _print_changes(trace)
    admit = door(path, trust=trust)
    with naming(path):
        if not trace.target.startswith(PYTEST):
            _replay_scenario(trace, admit, breakpoints, manner)
        node = node_of(trace.target)
        admit(trace.target)
    _replay_test(node, path, manner)


def _breakpoints(trace: Trace, manner: _Manner) -> Breakpoints | None:
    """Return the requested breakpoints, None if there are none.

    Raises:
        UsageError: the trace has no such event.
    """
    if not any(manner.breaks.values()):
        return None
    return Breakpoints(
        trace,
        events=map(int, manner.breaks[""]),
        jobs=map(int, manner.breaks["job"]),
        schedules=map(int, manner.breaks["schedule"]),
        kinds=map(str, manner.breaks["kind"]),
    )


def _replay_scenario(
    trace: Trace, admit: Admit, breakpoints: Breakpoints | None, manner: _Manner
) -> NoReturn:
    from simqueue.cli.live import printer
    from simqueue.errors import DivergenceError
    from simqueue.search.replay.replayer import replay

    frames: list[TracebackType | None] = []
    scenario = _scenario(trace, admit)
    try:
        replayed = replay(
            trace,
            scenario=scenario,
            exact=manner.exact,
            nearby=manner.nearby,
            watch=printer() if manner.verbose else None,
            stop_at=breakpoints,
            on_failure=frames.append if manner.pdb else None,
        )
    except DivergenceError as error:
        _print_missed(breakpoints)
        complain(f"simqueue: {error}")
        raise typer.Exit(_DIVERGED) from None
    _report(replayed, versions=not manner.exact)
    _print_missed(breakpoints)
    if manner.pdb and not replayed.run.passed:
        _debug(frames)
    raise typer.Exit(_status(replayed.verdict, passed=replayed.run.passed))


def _scenario(trace: Trace, admit: Admit) -> Scenario:
    """Find the trace's scenario; end the command if this version of the code has none."""
    from simqueue.errors import TargetError
    from simqueue.search.target import load_target

    try:
        return load_target(trace.target, admit).scenario
    except TargetError as error:
        hint = "run from the directory it was recorded in, or check that commit out"
        complain(f"simqueue: the trace's scenario is gone: {error}; {hint}")
        raise typer.Exit(_SKIP) from None


def _report(replayed: Replay, *, versions: bool) -> None:
    from simqueue.report.story.story import render_story

    if not replayed.run.passed:
        tell(f"{render_story(replayed.run.trace)}\n")
    for change in version_changes(replayed.trace) if versions else ():
        say(change)
    say(str(replayed))


def _print_changes(trace: Trace) -> None:
    """Print which versions differ from those of the recording, before an exact replay."""
    changes = version_changes(trace)
    for change in changes:
        complain(f"simqueue: {change}")
    if changes:
        hint = "an exact replay needs the versions of the recording; without --exact it may drift"
        complain(f"simqueue: {hint}")


def _print_missed(breakpoints: Breakpoints | None) -> None:
    missed = "" if breakpoints is None else breakpoints.missed()
    if missed:
        complain(f"simqueue: the replay {missed}")


def _debug(frames: list[TracebackType | None]) -> None:
    """Open a debugger in the frames of a run that failed and has ended."""
    from simqueue.cli.debugger import post_mortem

    traceback = next(filter(None, frames), None)
    if traceback is None:
        complain("simqueue: no code of yours was running or waiting when it failed")
        return
    post_mortem(traceback)


def version_changes(recorded: Trace) -> list[str]:
    """Return a line for each version that is not the one the trace was recorded with."""
    from simqueue.sim.run import version_of

    return [
        f"recorded with {name} {excerpt(then)}, this is {now}"
        for name, then, now in (
            ("simqueue", recorded.simqueue, version_of("simqueue")),
            ("PgQueuer", recorded.pgqueuer, version_of("pgqueuer")),
            ("Python", recorded.python, platform.python_version()),
        )
        if then != now
    ]


def _status(verdict: Verdict, *, passed: bool) -> int:
    match verdict:
        case "different" | "not-reproduced":
            return _SKIP
        case "reproduced" | "drifted-alike" | "drifted-passed" | "gone":
            return 0 if passed else _SAME
        case _:
            assert_never(verdict)


# --- traces that the pytest plugin made -----------------------------------------------------------


def _replay_test(node: str, path: str, manner: _Manner) -> NoReturn:
    """Run the test with pytest, and take the verdict that the plugin writes."""
    if printable(node) != node:  # pytest prints it as it is
        complain(f"simqueue: {excerpt(node, NAME_SHOWN)}: no test has control characters in its id")
        raise typer.Exit(_SKIP)
    with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
        file = Path(directory, "verdict")
        status, interrupted = _call(_pytest_command(node, path, str(file), manner))
        verdict = file.read_text().strip() if file.exists() else ""
    if interrupted and not verdict:
        raise KeyboardInterrupt
    if not verdict:
        problem = f"pytest could not run {excerpt(node, NAME_SHOWN)} (its exit status was {status})"
        hint = "run from the directory it was recorded in"
        complain(f"simqueue: {problem}; {hint}")
        raise typer.Exit(_SKIP)
    word, _, sentence = verdict.partition(":")
    if sentence:
        say(sentence.strip())
    raise typer.Exit(_TEST_STATUS[word])


def _pytest_command(node: str, path: str, verdict: str, manner: _Manner) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", f"--simqueue-replay={path}"]
    command += ["--simqueue-verdict", verdict] + ["--simqueue-exact"] * manner.exact
    command += ["--simqueue-nearby", str(manner.nearby)]
    for noun, values in manner.breaks.items():
        for value in values:
            command += ["--simqueue-break" + f"-{noun}" * bool(noun), str(value)]
    return [*command, *["--pdb"] * manner.pdb, "--", node]


def _call(command: Sequence[str]) -> tuple[int, bool]:
    """Run a program; return its exit status, and whether Ctrl-C was pressed meanwhile.

    The program handles Ctrl-C itself: in a debugger it only interrupts what was typed.
    """
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        status = subprocess.run(command, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)
    return status, pressed


_TEST_STATUS = {
    "passed": 0,
    "same": _SAME,
    "different": _SKIP,
    "not-reproduced": _SKIP,
    "diverged": _DIVERGED,
    "quit": _QUIT,
}
"""The exit status for each word that the plugin writes."""
