"""The scoreboard: searches for each bug in the affected release and in the first fixed one.

    python -m scenarios [--runs N] [--seconds S] [--markdown] [NAME ...]

Each release has a virtual environment with this checkout, which is kept under ``--environments``.
Each scenario runs on one core, with seeds from 0 on:

- on the affected release until the row's invariant fails, at most ``--runs`` seeds and
  ``--seconds`` of processor time, which does not depend on the machine's other work;
- on the first fixed release until this budget is used up; there it must not fail.

All invariants are on. Other failures are listed with their number of runs; violations of other
invariants are accepted, so that they do not end a run before the row's bug could occur.

Scenarios of healthy applications run on the newest release, where nothing may fail. The exit
status is 0 if every bug was found, every fixed release was silent, and the healthy ones passed.

    python -m scenarios --strategies calm,random,pct:2,auto [--campaigns N] [--results FILE] ...

measures strategies instead: for each bug and each strategy it plays ``--campaigns`` campaigns with
different first seeds, until the bug is found or ``--runs`` and ``--seconds`` are used up, and
prints medians.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scenarios._environments import ROOT, default_home, environment
from scenarios._rows import HERE, NEWEST, Row, constants, read_rows, scenario_files
from scenarios._strategies import Protocol, measure, read, table

HEADINGS = (
    "id", "affected → fixed", "invariant", "faults", "found", "first seed", "seconds", "simulated",
    "fixed is silent", "other failures",
)  # fmt: skip
_SLOWER_AT_MOST, _GRACE = 20, 120
"""A child may take 20 times its processor time plus 120 seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a scenario's seeds under a release."""

    runs: int
    seconds: float
    simulated: float
    hits: int
    first: int | None
    others: dict[str, int]


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a scenario under a release, and the directory of environments."""

    runs: int
    seconds: float
    home: Path


def main() -> int:
    """Read the options, play, print."""
    options = _options()
    if options.strategies:
        return _measure_strategies(options)
    budget = Budget(options.runs, options.seconds, options.environments)
    console = Console(stderr=True)
    lines, good = [], True
    for path in _chosen(options.names):
        row = next((row for row in read_rows() if row.path == path), None)
        with console.status(path.stem):
            line, fine = _healthy(path, budget) if row is None else _judged(row, budget)
        console.print(" | ".join(line), highlight=False, soft_wrap=True)
        lines.append(line)
        good &= fine
    if options.markdown:
        _print_markdown(list(HEADINGS), lines)
    else:
        _print_table("PgQueuer's bugs, by simqueue", list(HEADINGS), lines)
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scenarios",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="files, without .py; or ids")
    parser.add_argument("--runs", type=int, default=1000, help="seeds per scenario and release")
    parser.add_argument("--seconds", type=float, default=60, help="processor time for the same")
    parser.add_argument("--environments", type=Path, default=default_home(), metavar="DIR")
    parser.add_argument("--strategies", metavar="NAMES", help="measure these, such as calm,auto")
    parser.add_argument("--campaigns", type=int, default=20, help="with --strategies: of each")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("strategies.jsonl"),
        metavar="FILE",
        help="results: read first, then appended to",
    )
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    return parser.parse_args()


def _measure_strategies(options: argparse.Namespace) -> int:
    """Measure what the results do not contain, and print the table of all."""
    chosen = _chosen(options.names)
    rows = [row for row in read_rows() if row.path in chosen]
    protocol = Protocol(options.campaigns, options.runs, options.seconds)
    names, console = options.strategies.split(","), Console(stderr=True)
    for line in measure(rows, names, protocol, options.environments, options.results):
        console.print(line, highlight=False, soft_wrap=True)
    headings, *lines = table(rows, names, read(options.results))
    if options.markdown:
        _print_markdown(headings, lines)
    else:
        _print_table("Runs and seconds to each bug, medians", headings, lines)
    return 0


def _chosen(names: list[str]) -> list[Path]:
    """Return the files with a row or a healthy application, or those of them that are named."""
    known = {path: constants(path).get("ID") for path in scenario_files()}
    known = {path: name for path, name in known.items() if name}
    unknown = set(names) - {path.stem for path in known} - set(known.values())
    if unknown:
        sys.exit(f"no scenario is named {', '.join(sorted(unknown))}; see {HERE}")
    return [path for path, name in known.items() if not names or {path.stem, name} & set(names)]


# --- playing ----------------------------------------------------------------------------------


def _judged(row: Row, budget: Budget) -> tuple[list[str], bool]:
    """Return a line of the table, and whether the result is as expected."""
    affected = _play(row.path, row.runs_on, budget, row, first=True)
    silent, after = "not fixed", None
    if row.control is not None:
        after = _play(row.path, row.runs_on, budget, row, function=row.control)
    elif row.fixed is not None:
        after = _play(row.path, row.fixed, budget, row)
    if after is not None:
        how = f"{after.runs:,} runs, {after.seconds:.0f} s"
        silent = f"yes: {how}" if not after.hits else f"NO: {after.hits} of {how}"
        if row.control is not None:
            silent += f", as `{row.control}`"
    line = [
        row.id,
        f"{row.affected} → {row.fixed or '-'}",
        row.invariant + (" (asserted)" if row.by_itself else ""),
        row.faults,
        "yes" if affected.hits else "NO",
        "-" if affected.first is None else str(affected.first),
        f"{affected.seconds:.1f}",
        _duration(affected.simulated),
        silent,
        _others(affected, after),
    ]
    return line, bool(affected.hits) and (after is None or (not after.hits and bool(after.runs)))


def _healthy(path: Path, budget: Budget) -> tuple[list[str], bool]:
    declared = constants(path)
    played = _play(path, NEWEST, budget, None, faults=declared["FAULTS"])
    passed = played.runs - sum(played.others.values())  # each failure ends its run
    line = [
        declared["ID"], NEWEST, "all", declared["FAULTS"],
        f"{passed:,} of {played.runs:,} runs pass", "-", f"{played.seconds:.1f}",
        _duration(played.simulated), "-", _others(played, None),
    ]  # fmt: skip
    return line, not played.others


def _play(
    path: Path,
    release: str,
    budget: Budget,
    row: Row | None,
    *,
    function: str = "scenario",
    faults: str = "none",
    first: bool = False,
) -> Outcome:
    python = environment(budget.home, release)
    command = [
        str(python), str(HERE / "_play.py"), f"{path.relative_to(ROOT)}:{function}",
        f"--row={'' if row is None else row.id}",
        f"--faults={faults if row is None else row.faults}", f"--runs={budget.runs}",
        f"--seconds={budget.seconds}", *(["--first"] if first else []),
    ]  # fmt: skip
    played = subprocess.run(  # noqa: S603  our own file, in an environment of ours
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=_SLOWER_AT_MOST * budget.seconds + _GRACE,
        check=True,
    )
    return Outcome(**json.loads(played.stdout.splitlines()[-1]))


# --- printing ---------------------------------------------------------------------------------


def _others(*outcomes: Outcome | None) -> str:
    """Name the other failures, of the affected and of the fixed release."""
    parts = []
    for place, outcome in zip(("", "fixed: "), outcomes, strict=True):
        if outcome is not None and outcome.others:
            named = ", ".join(f"{count} x {what}" for what, count in outcome.others.items())
            parts.append(f"{place}{named}")
    return "; ".join(parts) or "none"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _print_table(title: str, headings: list[str], lines: list[list[str]]) -> None:
    printed = Table(*headings, title=title)
    for line in lines:
        printed.add_row(*line)
    Console().print(printed)


def _print_markdown(headings: list[str], lines: list[list[str]]) -> None:
    for line in (headings, ["---"] * len(headings), *lines):
        sys.stdout.write(f"| {' | '.join(each.replace('|', ' ') for each in line)} |\n")


if __name__ == "__main__":
    sys.exit(main())
