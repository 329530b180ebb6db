"""How soon strategies find each bug: measured in campaigns, stored in a file, shown as a table.

Each campaign plays a row's scenario, in its affected release, with one strategy, and ends with the
first run that shows the bug. Results are stored as lines of JSON, so that a table can combine
parts that were measured at different times: a result in the file is not measured again.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

from scenarios._environments import ROOT, environment
from scenarios._rows import HERE, Row

WHOLE = "auto"
"""The strategy that is compared with the best of the others."""

_SEEDLESS = ("calm", "exhaustive")
"""Strategies whose runs do not depend on a seed: one campaign is enough."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How many campaigns to play for a row and a strategy, and the budget of each."""

    campaigns: int
    runs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Medians over the campaigns of a row and a strategy; infinite if most did not find the bug."""

    runs: float
    seconds: float

    def __str__(self) -> str:
        """Return both, or a dash."""
        return "-" if self.runs == inf else f"{self.runs:g} / {self.seconds:.2f}"


Cells = dict[tuple[str, str], Cell]
"""By the row's id and the strategy's name."""


def measure(
    rows: list[Row], names: list[str], protocol: Protocol, home: Path, results: Path
) -> Iterator[str]:
    """Play what ``results`` does not contain, append it there, and yield a line for each."""
    known = read(results)
    for row in rows:
        for name in names:
            if (row.id, name) not in known:
                campaigns = _play(row, name, protocol, home)
                line = {"row": row.id, "strategy": name, "campaigns": campaigns}
                with results.open("a") as file:
                    file.write(f"{json.dumps(line)}\n")
                yield f"{row.id} | {name} | {_cell(campaigns)}"


def read(results: Path) -> Cells:
    """Return the stored results."""
    lines = results.read_text().splitlines() if results.exists() else []
    measured = [json.loads(line) for line in lines]
    return {(each["row"], each["strategy"]): _cell(each["campaigns"]) for each in measured}


def table(rows: list[Row], names: list[str], cells: Cells) -> list[list[str]]:
    """Return the lines of a table: medians of runs and seconds, and auto compared with the best.

    The best strategy by runs may not be the best by seconds.
    """
    lines = [["bug", *names, f"{WHOLE} : best"]]
    for row in rows:
        by_name = {name: cells.get((row.id, name), Cell(inf, inf)) for name in names}
        lines.append([f"`{row.id}`", *(str(cell) for cell in by_name.values()), _ratio(by_name)])
    return lines


def _ratio(by_name: dict[str, Cell]) -> str:
    others = [cell for name, cell in by_name.items() if name != WHOLE]
    whole = by_name.get(WHOLE, Cell(inf, inf))
    runs, seconds = (min(getattr(cell, what) for cell in others) for what in ("runs", "seconds"))
    if inf in (whole.runs, runs):
        return "-"
    return f"{whole.runs / runs:.1f} / {whole.seconds / seconds:.1f}"


def _cell(campaigns: list[dict[str, float | str | None]]) -> Cell:
    """Return the medians of campaigns; one that found nothing counts as infinite."""
    spent = [
        (each["runs"], each["seconds"]) if each["found_by"] is not None else (inf, inf)
        for each in campaigns
    ]
    runs, seconds = zip(*spent, strict=True)
    return Cell(median(runs), median(seconds))


def _play(
    row: Row, name: str, protocol: Protocol, home: Path
) -> list[dict[str, float | str | None]]:
    count = 1 if name.startswith(_SEEDLESS) else protocol.campaigns
    runs = 1 if name == "calm" else protocol.runs
    command = [
        str(environment(home, row.runs_on)), str(HERE / "_campaigns.py"), row.id, name,
        f"--campaigns={count}", f"--runs={runs}", f"--seconds={protocol.seconds}",
    ]  # fmt: skip
    played = subprocess.run(  # noqa: S603  our own file, in an environment of ours
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    campaigns: list[dict[str, float | str | None]] = json.loads(played.stdout.splitlines()[-1])
    return campaigns
