"""Options that several commands take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from simqueue.errors import UsageError
from simqueue.model.fault import FAULT_KINDS, PRESETS
from simqueue.search.planning.strategies import listed

SEED_MAX = 2**63 - 1
TRACE_HELP = "A trace file, as run --trace and fuzz write it."


def at_most_63_bits(number: int | None) -> int | None:
    """Return a number from the command line; raise ``typer.BadParameter`` if it is too large."""
    if number is not None and number > SEED_MAX:
        raise typer.BadParameter(f"{number} is larger than {SEED_MAX}")
    return number


TargetArgument = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="path/file.py[:function] or package.module:function."),
]
TraceArgument = Annotated[str, typer.Argument(metavar="TRACE", help=TRACE_HELP)]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        callback=at_most_63_bits,
        metavar="SEED",
        help="The seed of the run, or of the first one.",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every event as it happens.")
]
StrategyOption = Annotated[
    str,
    typer.Option("--strategy", metavar="NAME", help=f"{listed()}."),
]
FaultsOption = Annotated[
    str | None,
    typer.Option(
        "--faults",
        metavar="NAMES",
        help=f"Faults to inject, separated by commas: the presets {', '.join(PRESETS)}; or kinds: "
        f"{', '.join(FAULT_KINDS)}. By default none.",
    ),
]

WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="NAME",
        help="Switch off this invariant, or this expectation of a campaign; repeatable.",
    ),
]
KnownOption = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="FILE",
        help="The file of accepted failures; .simqueue/known.toml by default.",
    ),
]

TracesOption = Annotated[
    str, typer.Option("--traces", metavar="DIR", help="Where failures are saved.")
]


@contextmanager
def naming(trace: str) -> Iterator[None]:
    """Add the name of the file to errors about the content of a trace."""
    try:
        yield
    except UsageError as error:
        if trace in str(error):
            raise
        raise UsageError(f"{trace}: {error}") from error


def shard(text: str) -> tuple[int, int]:
    """Read ``3/8``; raise ``UsageError`` for anything else."""
    read = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if read is None:
        raise UsageError(f"--shard {text}: write K/N, the K-th of N parts, such as 3/8")
    return int(read[1]), int(read[2])
