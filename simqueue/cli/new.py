"""``simqueue new``: a first scenario for an application."""

from __future__ import annotations

import math
import os
import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.outputs import check_outputs
from simqueue.errors import UsageError
from simqueue.terminal import say

if TYPE_CHECKING:
    from simqueue.search.application import Application, Contents

_TEMPLATE = "scenario.py.jinja"
_TAKEN = (
    "Path",
    "Simulation",
    "asyncio",
    "scenario",
    "sys",
    "timedelta",
    "a",
    "jobs",
    "log",
    "sim",
)
_WRAPPER = "main"
"""The name of the factory that is written around a function that takes a connection."""
_TICKS_MAX = timedelta(minutes=9)


def new_command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="path/file.py[:function] or package.module[:function]: what `pgq run` takes, or a "
            "function that registers handlers with a PgQueuer. The function defaults to main, or "
            "to the only suitable one.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where to write it; tests/scenario_MODULE.py by default.",
        ),
    ] = None,
) -> None:
    """Write a first scenario for an application; it runs unchanged.

    \b
    Examples:
      simqueue new app.py
      simqueue new shop.worker:create_pgqueuer -o tests/scenario_shop.py
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.files import write_whole
    from simqueue.search.application import contents_of, load_application

    here = Path.cwd()  # now: imported code may change it
    application = load_application(target)
    name = output or f"tests/scenario_{application.module.rpartition('.')[2]}.py"
    file = here / name
    _check_free(file, name)
    check_outputs({"-o": str(file)})
    contents = contents_of(application)
    write_whole(file, render_scenario(application, contents, file, name).encode())
    say(f"{name} plays {application.name}: {_summary(contents)}")
    say("Put payloads in it that your handlers can read, and play it:")
    say(f"  simqueue fuzz {shlex.quote(name)}")


def _check_free(file: Path, name: str) -> None:
    if os.path.lexists(file):
        raise UsageError(f"{name} exists, and is left as it is; name another file with -o")
    if file.suffix != ".py":
        raise UsageError(f"{name}: a scenario is a Python file; name one that ends in .py")


def _summary(contents: Contents) -> str:
    parts = []
    for kind, names in (
        ("entrypoint", [name for name, _ in contents.entrypoints]),
        ("schedule", [name for name, _ in contents.schedules]),
    ):
        if names:
            parts.append(f"{kind}{'s' * (len(names) > 1)} {', '.join(names)}")
    return "; ".join(parts)


def render_scenario(application: Application, contents: Contents, file: Path, name: str) -> str:
    """Return the source of a scenario that is to stand at ``file``, which is called ``name``."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(  # noqa: S701  it writes Python
        loader=FileSystemLoader(Path(__file__).parent), keep_trailing_newline=True
    )
    environment.filters["quoted"] = _quoted
    environment.filters["plain"] = _plain
    builder = application.builder
    taken = application.function in _TAKEN or (builder and application.function == _WRAPPER)
    alias = "application" if taken else ""
    imported = alias or application.function
    ticks = min(contents.first_ticks, _TICKS_MAX)
    return environment.get_template(_TEMPLATE).render(
        application=application.name,
        module=application.module,
        function=application.function,
        alias=f" as {alias}" if alias else "",
        called=imported if builder is None else _WRAPPER,
        wrapper="" if builder is None else builder.call(imported),
        imports=() if builder is None or builder.wanted is None else builder.wanted.imports,
        file=shlex.quote(name),
        path=_path_expression(application.root, file.resolve().parent),
        entrypoints=contents.entrypoints,
        schedules=contents.schedules,
        minutes=math.ceil(ticks / timedelta(minutes=1)) + 1,
    )


def _plain(text: str) -> str:
    """Return a text that fits into a comment, on one line."""
    return text if text.isprintable() else repr(text)


def _quoted(text: str) -> str:
    """Return a Python literal as formatters write it."""
    literal = repr(text)
    return literal if '"' in text or "\\'" in literal else f'"{literal[1:-1]}"'


def _path_expression(root: Path, directory: Path) -> str | None:
    """Return the source of ``root``, seen from a file in ``directory``; None if it is known."""
    from simqueue.search.target import is_installed

    if root == directory or is_installed(str(root / "module.py")):
        return None
    parts = Path(os.path.relpath(root, directory)).parts
    ups = parts.count("..")
    expression = f"Path(__file__).resolve().parents[{ups}]"
    return f"str({' / '.join([expression, *map(_quoted, parts[ups:])])})"
