"""Options that several commands take."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, get_args

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
    typer.Option(
        "--strategy", metavar="NAME", help="random: choices from the seed; calm: none deviates."
    ),
]
FaultsOption = Annotated[
    str,
    typer.Option(
        "--faults",
        metavar="NAMES",
        help="What befalls workers and server: none, network, production, or kinds.",
    ),
]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str) -> timedelta:
    """Read ``90``, ``60s``, ``5m`` or ``1.5h``; raise ``UsageError`` for anything else."""
    read = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if read is None or not float(read[1]):
        raise UsageError(f"--time {text}: write a number of seconds, or 60s, 5m, 1.5h")
    try:
        return timedelta(seconds=float(read[1]) * _UNITS[read[2]])
    except OverflowError:
        raise UsageError(f"--time {text}: is longer than can be counted") from None


def config_with(faults: str) -> Config:
    """Return the default configuration with a preset of faults; ``UsageError`` if there is none."""
    from simqueue.model.config import Config, Faults

    return Config(faults=Faults.named(faults))


def check_strategy(name: str) -> None:
    """Raise ``UsageError`` if no strategy goes by that name."""
    from simqueue.search.campaign import Strategy

    if name not in get_args(Strategy):
        known = _either(get_args(Strategy))
        raise UsageError(f"--strategy {name}: there is no such strategy; choose {known}")


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)
