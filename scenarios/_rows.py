"""What the scenario files of this directory say of themselves, read without running them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NEWEST = "1.6.0"


@dataclass(frozen=True, slots=True)
class Row:
    """A bug, the releases of PgQueuer that have it and first do not, and who must notice it.

    ``fixed`` is None while no release is without it. ``runs_on`` is the release to install where
    the affected one is too old for simqueue. ``control`` is the scenario without the bug, for
    where installing another release does not make one. ``variants`` are those in which the
    invariant breaks when this bug is what breaks it, none being all. ``by_itself``: the
    invariant cannot see it, and the scenario's own assertion is what must fail.
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
        """Return whether a failure is what this row is about."""
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
    found = []
    for path in scenario_files():
        said = constants(path)
        if "AFFECTED" in said:
            found.append(_row(path, said))
    return found


def scenario_files() -> list[Path]:
    """Return the files of this directory that hold scenarios."""
    return sorted(HERE.glob("[!_.]*.py"))


def constants(path: Path) -> dict[str, Any]:
    """Return the literal constants of a module: ``A = 1`` and ``A, B = 1, 2``."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            continue
        if isinstance(target, ast.Name):
            found[target.id] = value
        elif isinstance(target, ast.Tuple):
            names = [each.id for each in target.elts if isinstance(each, ast.Name)]
            found.update(zip(names, value, strict=True))
    return found


def _row(path: Path, said: dict[str, Any]) -> Row:
    functions = {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef)
    }
    return Row(
        id=said["ID"],
        path=path,
        affected=said["AFFECTED"],
        fixed=said["FIXED"],
        invariant=said["INVARIANT"],
        faults=said["FAULTS"],
        runs_on=said.get("RUNS_ON", said["AFFECTED"]),
        control="fixed" if "fixed" in functions else None,
        variants=said.get("VARIANTS", ()),
        by_itself=said.get("BY_ITSELF", False),
    )
