"""``python -m tests.bench [WORDS]``: the table of speeds, or those rows whose names hold WORDS.

Every row times two ways to do the same work in turns, in processor seconds of one process. The
ratio says how many times as fast as the other one simqueue is; it is the median of the rounds.
"""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from tests.bench import adapter, simulation
from tests.bench.timing import Measured, measure


def main() -> None:
    """Measure, and print the table as it grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("words", nargs="*", help="measure the rows whose names hold one of these")
    parser.add_argument("--rounds", type=int, default=7, help="turns per row (default: 7)")
    options = parser.parse_args()
    rows = [*adapter.rows(), *simulation.rows()]
    if options.words:
        rows = [row for row in rows if any(word in row.what for word in options.words)]
    console = Console(width=None if sys.stdout.isatty() else 140)
    measured = []
    for row in rows:
        with console.status(row.what):
            measured.append(measure(row, options.rounds))
    console.print(_table(measured))


def _table(measured: list[Measured]) -> Table:
    table = Table(
        title=f"pgqueuer {version('pgqueuer')}, Python {platform.python_version()}",
        caption="ratio: how many times as fast; median, and the least and the most of all rounds",
    )
    table.add_column("what")
    table.add_column("against")
    for column in ("ours", "theirs", "ratio", "range", "at least", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in measured:
        row, ratios = each.row, each.ratios
        met = "green" if each.ratio >= (row.at_least or 0) else "red"
        table.add_row(
            row.what, row.against, _seconds(each.ours_s), _seconds(each.theirs_s),
            f"[{met}]{each.ratio:,.2f}x[/]", f"{min(ratios):,.2f}-{max(ratios):,.2f}",
            "" if row.at_least is None else f"{row.at_least:,.2f}x",
            "" if row.aim is None else f"{row.aim:,.1f}x",
        )  # fmt: skip
    return table


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds / 1e-6:,.1f} us"


if __name__ == "__main__":
    main()
