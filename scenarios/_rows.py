"""The declarations of this directory's scenario files, read without running them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NEWEST = "1.6.0"


@dataclass(frozen=True, slots=True)
class Row:
    """A bug, the releases of PgQueuer with it and first without it, and the check that must fail.

    ``fixed`` is None if all releases have it. ``runs_on`` is the release to install if the
    affected one is too old for simqueue. ``control`` is the name of the scenario without the
    bug, if installing another release does not remove it. ``variants`` are the invariant's
    variants that this bug can cause; none means all. ``by_itself``: the invariant cannot see the
    bug, and the scenario's own assertion must fail.
    """

    id: str
    path: Path
    affected: str
    fixed: str | None
    invariant: str
    faults: str
    runs_on: str
    control: str | None
    variants: tuple[str, ...]
    by_itself: bool

    def is_hit(self, signature: str) -> bool:
        """Return whether a failure is this row's bug."""
        if self.by_itself:
            return signature.startswith("exception:AssertionError:")
        named = f"invariant:{self.invariant}"
        if not self.variants:
            return signature == named or signature.startswith(f"{named}:")
        return signature.removeprefix(named).removeprefix(":") in self.variants and (
            signature.startswith(named)
        )


def read_rows() -> list[Row]:
    """Return the rows, by file name; a file without ``AFFECTED`` holds none."""
    rows = []
    for path in scenario_files():
        declared = constants(path)
        if "AFFECTED" in declared:
            rows.append(_row(path, declared))
    return rows


def scenario_files() -> list[Path]:
    """Return the files of this directory that hold scenarios."""
    return sorted(HERE.glob("[!_.]*.py"))


def constants(path: Path) -> dict[str, Any]:
    """Return the literal constants of a module: ``A = 1`` and ``A, B = 1, 2``."""
    values: dict[str, Any] = {}
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            continue
        if isinstance(target, ast.Name):
            values[target.id] = value
        elif isinstance(target, ast.Tuple):
            names = [each.id for each in target.elts if isinstance(each, ast.Name)]
            values.update(zip(names, value, strict=True))
    return values


def _row(path: Path, declared: dict[str, Any]) -> Row:
    functions = {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef)
    }
    return Row(
        id=declared["ID"],
        path=path,
        affected=declared["AFFECTED"],
        fixed=declared["FIXED"],
        invariant=declared["INVARIANT"],
        faults=declared["FAULTS"],
        runs_on=declared.get("RUNS_ON", declared["AFFECTED"]),
        control="fixed" if "fixed" in functions else None,
        variants=declared.get("VARIANTS", ()),
        by_itself=declared.get("BY_ITSELF", False),
    )
