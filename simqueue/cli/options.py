"""Options that several commands take."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.errors import UsageError

if TYPE_CHECKING:
    from simqueue.model.config import Config

SEED_MAX = 2**63 - 1
TRACE_HELP = "A trace file, as run --trace and fuzz write it."

TargetArgument = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="path/file.py[:function] or package.module:function."),
]
TraceArgument = Annotated[str, typer.Argument(metavar="TRACE", help=TRACE_HELP)]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=SEED_MAX, help="Decides the run.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every event as it happens.")
]
StrategyOption = Annotated[
    str,
    typer.Option("--strategy", metavar="NAME", help="auto, random, pct:D, exhaustive:K or calm."),
]
FaultsOption = Annotated[
    str,
    typer.Option(
        "--faults",
        metavar="NAMES",
        help="What befalls workers and server: none, network, production, or kinds.",
    ),
]

WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without", metavar="NAME", help="Do not judge this invariant; may be given repeatedly."
    ),
]
KnownOption = Annotated[
    str | None,
    typer.Option(
        "--known", metavar="FILE", help="Accepted failures, if not those of .simqueue/known.toml."
    ),
]

TracesOption = Annotated[
    str, typer.Option("--traces", metavar="DIR", help="Where failures are saved.")
]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str, option: str = "--time") -> timedelta:
    """Read ``90``, ``60s``, ``5m`` or ``1.5h``; raise ``UsageError`` for anything else."""
    read = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if read is None or not float(read[1]):
        raise UsageError(f"{option} {text}: write a number of seconds, or 60s, 5m, 1.5h")
    try:
        return timedelta(seconds=float(read[1]) * _UNITS[read[2]])
    except OverflowError:
        raise UsageError(f"{option} {text}: is longer than can be counted") from None


@contextmanager
def naming(trace: str) -> Iterator[None]:
    """Let errors about what a trace holds name its file."""
    try:
        yield
    except UsageError as error:
        if trace in str(error):
            raise
        raise UsageError(f"{trace}: {error}") from error


def refuse_itself(output: str, trace: str) -> None:
    """Refuse to write over the trace that is read; raise ``UsageError``."""
    if os.path.realpath(output) == os.path.realpath(trace):
        raise UsageError(f"{output}: is the trace itself; name another file after -o")


def instant_us(text: str, option: str) -> int:
    """Read a point of virtual time, ``90``, ``+4.5s``, ``2m``, as microseconds from the start."""
    bare = text.strip().removeprefix("+")
    read = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)([smh]?)", bare)
    if read is None:
        raise UsageError(f"{option} {text}: write a time such as 4.5s, 2m or 1.5h")
    return round(float(read[1]) * _UNITS[read[2]] * 1_000_000)


def shard(text: str) -> tuple[int, int]:
    """Read ``3/8``; raise ``UsageError`` for anything else."""
    read = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if read is None:
        raise UsageError(f"--shard {text}: write K/N, the K-th of N parts, such as 3/8")
    return int(read[1]), int(read[2])


def config_with(faults: str, without: list[str] | None = None) -> Config:
    """Return the default configuration with some faults and without some invariants.

    Raises:
        UsageError: there is no fault of such a name; of invariants, a run tells.
    """
    from simqueue.model.config import Config, Faults

    return Config(faults=Faults.named(faults), without=tuple(without or ()))


def given(faults: str, without: list[str] | None, strategy: str = "random") -> str:
    """Return options that are not the default ones as words of a command line."""
    said = [] if faults == "none" else ["--faults", faults]
    for name in without or ():
        said += ["--without", name]
    said += ["--strategy", strategy] if strategy != "random" else []
    return "".join(f" {shlex.quote(word)}" for word in said)
