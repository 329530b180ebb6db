"""The shape of the package: no import circle, no long module, no long function."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import simqueue

ROOT = Path(simqueue.__file__).parent
MODULE_LINES, FUNCTION_LINES = 400, 50
LONG_MODULES = {"model/events.py"}
"""One union of some sixty event types, which readers want in one place."""

FILES = {
    ".".join(("simqueue", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in FILES.items()}


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a module imports, also in functions and under ``TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import, which this test does not follow"
            for alias in node.names:
                # A name of a package may be one of its modules.
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else str(node.module)


def graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    return {name: {*imported(name, tree)} & FILES.keys() for name, tree in trees.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return modules each of which imports the next, the last being the first; none if none do."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_modules_import_each_other_not_even_for_types_or_late():
    edges = graph(TREES)
    assert sum(map(len, edges.values())) > 1000  # imports are seen at all
    assert circle(edges) == [], "these modules import each other in a circle"


def test_a_circle_that_types_or_a_function_would_hide_is_seen():
    hidden = "if TYPE_CHECKING:\n    from simqueue.sim.run import Run\n"
    late = "def later():\n    import simqueue.sim.run\n"
    for text in (hidden, late):
        modules = circle(graph({**TREES, "simqueue.errors": ast.parse(text)}))
        assert {"simqueue.errors", "simqueue.sim.run"} <= {*modules}


def test_no_module_is_too_long():
    lines = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in FILES.values()}
    long = {str(path): count for path, count in lines.items() if count > MODULE_LINES}
    assert {path: count for path, count in long.items() if path not in LONG_MODULES} == {}


def test_no_function_is_too_long():
    long = {
        f"{FILES[name].relative_to(ROOT)}:{node.lineno} {node.name}": lines
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := length_of(node)) > FUNCTION_LINES
    }
    assert long == {}


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has; its docstring is a page for users, and counts none."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    documented = function.body[0]
    return lines - ((documented.end_lineno or documented.lineno) - documented.lineno + 1)
