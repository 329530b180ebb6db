"""``python -m tests.edits``: the saved failures after each edit, as found and shrunk, as tables.

With ``--record``, find and shrink the saved failures anew, which takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

# As under pytest, modules here are found by their names.
sys.path.insert(0, str(Path(__file__).parent))

from edits import APPLICATIONS
from measure import Measured, measure
from saved import MANNERS, load, record

from simqueue.search.budgets import NEARBY_RUNS

VERDICTS = (
    "reproduced",
    "drifted-alike",
    "drifted-alike, moved",
    "drifted-alike, by a seed",
    "drifted-passed",
    "gone",
    "different",
)


def main() -> None:
    """Record, or measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.edits", description=__doc__)
    parser.add_argument("--record", action="store_true", help="make the saved failures anew")
    parser.add_argument("--nearby", type=int, default=NEARBY_RUNS, help="runs nearby a drifted one")
    parser.add_argument("--application", action="append", choices=[a.name for a in APPLICATIONS])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        if options.record:
            record()
            return
        wanted = options.application or [application.name for application in APPLICATIONS]
        saved = tuple(each for each in load() if each.application in wanted)
        console = Console(width=None if sys.stdout.isatty() else 150)
        for manner in MANNERS:
            measured = measure(saved, manner, nearby=options.nearby)
            title = f"{len(saved)} failures, {manner}"
            console.print(_table(measured, title))


def _table(measured: Measured, title: str) -> Table:
    table = Table(
        title=title,
        caption=f"{measured.survived:.1%} of {len(measured.innocent)} survived an innocent edit; "
        f"{measured.gone:.1%} of {len(measured.fixes)} are gone after a fix",
    )
    table.add_column("after")
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    for rows in (measured.by_edit(), measured.by_application()):
        for what, counts in rows.items():
            said = what.replace("_", " ")
            table.add_row(said, *(str(counts[verdict] or "") for verdict in VERDICTS))
        table.add_section()
    return table


if __name__ == "__main__":
    main()
